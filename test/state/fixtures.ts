import { randomUUID } from 'node:crypto';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { readSettings } from '../../shared/config/settings.ts';
import type { Settings } from '../../shared/config/settings.ts';
import { newDatabaseRecord, newTableRecord } from '../../shared/contracts/newRows.ts';
import type {
  DatabaseRecord,
  MigrationRecord,
  TableRecord,
} from '../../shared/contracts/records.ts';
import { ensureStores, openStores } from '../../shared/state/stores.ts';
import type { Stores } from '../../shared/state/stores.ts';

export interface StateFixture {
  azurite: RunningAzurite;
  settings: Settings;
  stores: Stores;
}

export async function startState(): Promise<StateFixture> {
  const azurite = await startAzurite();
  const settings = readSettings({ AzureWebJobsStorage: azurite.connectionString });
  const stores = openStores(settings);
  await ensureStores(stores);
  return { azurite, settings, stores };
}

/** A migration that nobody else has. */
export function sampleMigration(change: Partial<MigrationRecord> = {}): MigrationRecord {
  const id = randomUUID();
  const now = '2026-01-01T00:00:00.000Z';
  return {
    ref: { id, scope: 's/g/server', name: `m-${id}` },
    subscriptionId: 's',
    resourceGroupName: 'g',
    serverName: 'server',
    location: 'local',
    tags: {},
    spec: {
      mode: 'Offline',
      option: 'Migrate',
      sourceType: 'OnPremises',
      sslMode: 'Prefer',
      source: { host: 'a', port: 5432, user: 'u', tls: { mode: 'prefer' } },
      target: { host: 'b', port: 5432, user: 'u', tls: { mode: 'prefer' } },
      targetDbNames: {},
      includeTables: [],
      excludeTables: [],
      jobs: 4,
      verify: 'none',
      migrateRoles: false,
      fenceSource: false,
      setReplicaIdentityFull: false,
    },
    specHash: 'h',
    wanted: {
      databases: ['shop'],
      overwriteDbsInTarget: false,
      setupLogicalReplication: false,
      startDataMigration: true,
      cancel: false,
      cancelDatabases: [],
      triggerCutover: false,
      cutoverDatabases: [],
    },
    secretId: randomUUID(),
    run: 0,
    instanceId: id,
    status: { state: 'InProgress', subState: 'PerformingPreRequisiteSteps' },
    createdOn: now,
    startedOn: now,
    lastModifiedOn: now,
    ...change,
  };
}

export function sampleDatabase(
  migrationId: string,
  change: Partial<DatabaseRecord> = {},
): DatabaseRecord {
  const names = { migrationId, database: 'shop', targetDatabase: 'shop', order: 0 };
  return { ...newDatabaseRecord(names), ...change };
}

export function sampleTable(tableId: string, change: Partial<TableRecord> = {}): TableRecord {
  const names = { tableId, schema: 'public', table: `t${tableId}` };
  return { ...newTableRecord({ ...names, bytesTotal: 0, partCount: 1 }), ...change };
}

export async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
