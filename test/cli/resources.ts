import type { DatabaseDetails, MigrationResource } from '../../cli/apiClient.ts';

/** A resource as the API answers it, for tests of what is made of it. */
export function resourceWith(
  state: string,
  databases: Record<string, DatabaseDetails> = {},
  more: {
    subState?: string;
    error?: string;
    name?: string;
    properties?: Record<string, unknown>;
  } = {},
): MigrationResource {
  return {
    name: more.name ?? 'moving',
    properties: {
      migrationMode: 'Offline',
      ...more.properties,
      dbsToMigrate: Object.keys(databases),
      currentStatus: {
        state,
        error: more.error ?? '',
        currentSubStateDetails: {
          currentSubState: more.subState ?? 'Completed',
          dbDetails: databases,
        },
      },
    },
  };
}
