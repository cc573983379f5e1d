import type { ActivityInput, CopyPlan } from '../shared/contracts/activities.ts';
import type { DatabaseRecord } from '../shared/contracts/records.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import type { TableOutcome } from '../shared/pg/copy/batch.ts';
import { planFormats, sourceFacts, targetShape } from '../shared/pg/copy/format.ts';
import { listTables } from '../shared/pg/copy/tables.ts';
import { readSchemaFingerprint } from '../shared/pg/source/schemaFingerprint.ts';
import { writePlannedTables } from '../shared/wal/copy/tableStates.ts';
import { markPlanned } from '../shared/wal/plannedSchema.ts';
import {
  laneCountOf,
  plannedWork,
  planDatabase,
  tableRecords,
  writePlans,
} from './steps/databasePlan.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { setOperation } from './steps/operation.ts';
import { readSchemaPart } from './steps/schemaParts.ts';
import { activitySnapshot } from './steps/ownSnapshot.ts';
import { openUnderSnapshot } from './steps/sourceSnapshot.ts';

/**
 * Lists the tables under the snapshot and plans them into batches, largest first. Idempotent: the
 * same snapshot gives the same plan, which is written over.
 */
defineActivity('planCopy', async (input, env): Promise<CopyPlan> => {
  const { ref, database, generation, snapshot, jobs, openDatabases } = input;
  await setOperation(env.stores, ref, database, 'Planning the copy');
  const schema = await readSchemaPart(env, 'copy', { database, generation });
  await using held = await activitySnapshot(env, database, snapshot);
  await using source = await openUnderSnapshot(env, database, held.id);
  await using target = await env.open('target', database);
  const { includeTables: include, excludeTables: exclude } = env.record.spec;
  const all = await listTables(source, { include, exclude });
  // What depends on a table that is left out is left out of the schema with it.
  const leftOut = new Set(schema.leftOutRelationOids);
  const tables = all.filter(({ oid }) => !leftOut.has(oid));
  const { ready, failed } = planFormats(
    tables,
    await sourceFacts(source),
    await targetShape(target, tables),
  );
  refuseUncopyable(database, failed);
  if (env.record.spec.mode === 'Online') {
    const planned = await readSchemaFingerprint(source, { include, exclude });
    await writePlannedTables(target, ready);
    await markPlanned(target, generation, planned);
  }
  const { indexWork, database: facts } = schema;
  const plan = planDatabase(ready, {
    spec: env.record.spec,
    jobs,
    openDatabases,
    serverVersion: source.serverVersion,
    indexWork,
    defaultSearchPath: facts.defaultSearchPath,
  });
  const { batches } = plan;
  const batchUnits = await writePlans(env.stores, input, plan);
  await env.stores.tables.deleteAll(ref.id, database);
  await env.stores.tables.putMany(ref.id, database, tableRecords(ready, batches));
  const bytes = ready.reduce((sum, table) => sum + table.bytes, 0);
  const hasLargeObjects = await sourceHasLargeObjects(source);
  const taken = await takenSnapshot(env, input);
  const counts = { batchCount: batches.length, tableCount: ready.length };
  await env.stores.copyWork.put(plannedWork(input, counts, hasLargeObjects));
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: {
      ...row,
      ...taken,
      copyStartedOn: new Date().toISOString(),
      operation: 'Copying tables',
      queuedTables: ready.length,
      loadingTables: 0,
      completedTables: 0,
      erroredTables: 0,
      rowsCopied: 0,
      bytesCopied: 0,
      bytesTotal: bytes,
      tablesTotal: ready.length,
    },
  }));
  const unitCount = batchUnits + (hasLargeObjects ? 1 : 0);
  return { laneCount: laneCountOf(jobs, unitCount) };
});

/** When and where the snapshot was taken, for the report. */
async function takenSnapshot(
  { stores }: ActivityEnvironment,
  { ref, database, generation }: ActivityInput<'planCopy'>,
): Promise<Pick<DatabaseRecord, 'snapshot'>> {
  const observed = (await stores.replications.get(ref.id, database))?.observed;
  if (observed?.phase !== 'snapshotHeld' || observed.generation !== generation) return {};
  const { since, lsn } = observed;
  return { snapshot: { takenOn: since, ...(lsn === undefined ? {} : { lsn }) } };
}

/** A table that cannot be copied at all is told before the first row moves. */
function refuseUncopyable(database: string, failed: readonly TableOutcome[]): void {
  const causes = failed.flatMap((outcome) => (outcome.state === 'failed' ? [outcome.error] : []));
  if (causes.length === 0) return;
  const more = causes.length > 20 ? ` And ${causes.length - 20} more.` : '';
  throw new MigrationError(
    'dataFailed',
    `${database}: ${causes.length} tables cannot be copied. ${causes.slice(0, 20).join(' ')}${more}`,
  );
}

async function sourceHasLargeObjects(source: PgSession): Promise<boolean> {
  const { rowCount } = await source.query('select from pg_catalog.pg_largeobject_metadata limit 1');
  return (rowCount ?? 0) > 0;
}
