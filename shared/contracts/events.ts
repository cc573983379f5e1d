import type { DatabaseRecord, EventRecord, MigrationRef } from './records.ts';

/** The ARM id of the server that a scope stands for; lower case, as the scope is. */
export function serverIdOf(scope: string): string {
  const [subscription, resourceGroup, server] = scope.split('/');
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${server}`;
}

export function migrationEvent(
  type: string,
  ref: MigrationRef,
  time: string,
  data: Record<string, unknown>,
): EventRecord {
  return {
    type,
    source: serverIdOf(ref.scope),
    subject: `migrations/${ref.name}`,
    time,
    data: { migrationId: ref.id, ...data },
  };
}

export function databaseEvent(
  type: string,
  ref: MigrationRef,
  record: Pick<DatabaseRecord, 'database'>,
  time: string,
  data: Record<string, unknown>,
): EventRecord {
  return {
    type,
    source: serverIdOf(ref.scope),
    subject: `migrations/${ref.name}/databases/${encodeURIComponent(record.database)}`,
    time,
    data: { migrationId: ref.id, databaseName: record.database, ...data },
  };
}
