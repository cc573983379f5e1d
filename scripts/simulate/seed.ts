import { randomUUID } from 'node:crypto';
import { newDatabaseRecord } from '../../shared/contracts/newRows.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

const AT_ONCE = 32;

/** The rows that a PUT and the gates would have left. */
export async function seedMigration(
  stores: Stores,
  databases: number,
  jobs: number,
): Promise<MigrationRecord> {
  const id = randomUUID();
  const now = new Date().toISOString();
  const server = {
    host: 'nowhere.invalid',
    port: 5432,
    user: 'u',
    tls: { mode: 'prefer' },
  } as const;
  const names = Array.from({ length: databases }, (_, number) => `database_${number}`);
  const record: MigrationRecord = {
    ref: { id, scope: 's/g/simulated', name: `simulation-${databases}` },
    subscriptionId: 's',
    resourceGroupName: 'g',
    serverName: 'simulated',
    location: 'local',
    tags: {},
    spec: {
      mode: 'Offline',
      option: 'ValidateAndMigrate',
      sourceType: 'OnPremises',
      sslMode: 'Prefer',
      source: server,
      target: server,
      targetDbNames: {},
      includeTables: [],
      excludeTables: [],
      jobs,
      verify: 'none',
      migrateRoles: false,
      fenceSource: false,
      setReplicaIdentityFull: false,
    },
    specHash: '',
    wanted: {
      databases: names,
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
    status: { state: 'InProgress', subState: 'MigratingData' },
    createdOn: now,
    startedOn: now,
    lastModifiedOn: now,
  };
  await stores.migrations.create(record);
  for (let first = 0; first < databases; first += AT_ONCE) {
    const some = names.slice(first, first + AT_ONCE);
    await Promise.all(
      some.map((database, offset) =>
        stores.databases.put(
          newDatabaseRecord({
            migrationId: id,
            database,
            targetDatabase: database,
            order: first + offset,
          }),
        ),
      ),
    );
  }
  return record;
}
