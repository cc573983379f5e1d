import { batchPath } from '../shared/contracts/blobPaths.ts';
import type { ActivityInput, CopyPlan } from '../shared/contracts/activities.ts';
import type { CopyWork } from '../shared/contracts/copyWork.ts';
import { newCopyWork, newTableRecord } from '../shared/contracts/newRows.ts';
import type { DatabaseRecord, TableRecord } from '../shared/contracts/records.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import type { CopyBatch, TableOutcome } from '../shared/pg/copy/batch.ts';
import { planFormats, sourceFacts, targetShape } from '../shared/pg/copy/format.ts';
import type { PlannedTable } from '../shared/pg/copy/format.ts';
import { planBatches } from '../shared/pg/copy/plan.ts';
import { listTables } from '../shared/pg/copy/tables.ts';
import { readSchemaFingerprint } from '../shared/pg/source/schemaFingerprint.ts';
import { writePlannedTables } from '../shared/wal/copy/tableStates.ts';
import { markPlanned } from '../shared/wal/plannedSchema.ts';
import type { IndexWork, TableIndexWork } from '../shared/pg/schema/plan.ts';
import type { BatchPlan } from './steps/batchPlan.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { setOperation } from './steps/operation.ts';
import { readSchemaPart } from './steps/schemaParts.ts';
import type { SchemaPart, SchemaScope } from './steps/schemaParts.ts';
import { activitySnapshot } from './steps/ownSnapshot.ts';
import { openUnderSnapshot } from './steps/sourceSnapshot.ts';

/** From this size on the indexes of a table are built in parallel, each as a unit of its own. */
const INDEX_UNITS_FROM_BYTES = 32 * 1024 * 1024;

const BLOBS_AT_ONCE = 16;

/** What all index builds of a migration may take on the target's machine together. */
const INDEX_MEMORY_MB = 1024;

/**
 * Lists the tables under the snapshot and plans them into batches, largest first. Idempotent: the
 * same snapshot gives the same plan, which is written over.
 */
defineActivity('planCopy', async (input, env): Promise<CopyPlan> => {
  const { ref, database, generation, snapshot, jobs } = input;
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
  // Offline, the jobs of databases that are done help with this one: its tables are split for all of them.
  const { spec } = env.record;
  const helpedJobs = spec.mode === 'Offline' ? Math.max(jobs, spec.jobs) : jobs;
  const batches = planBatches(ready, { jobs: helpedJobs, serverVersion: source.serverVersion });
  const hasManyIndexes = indexCount(ready, schema) >= jobs;
  const indexMemoryMb = Math.max(64, Math.floor(INDEX_MEMORY_MB / env.record.spec.jobs));
  const tuning = { hasManyIndexes, indexMemoryMb };
  const batchUnits = await writePlans(env, input, batches, (batch) =>
    batchPlan(batch, schema, tuning),
  );
  await env.stores.tables.deleteAll(ref.id, database);
  await env.stores.tables.putMany(ref.id, database, tableRecords(ready, batches));
  const bytes = ready.reduce((sum, table) => sum + table.bytes, 0);
  const hasLargeObjects = await sourceHasLargeObjects(source);
  const taken = await takenSnapshot(env, input);
  await env.stores.copyWork.put(newWork(input, batches.length, ready.length, hasLargeObjects));
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
  return { laneCount: Math.max(1, Math.min(jobs, unitCount)) };
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

/** How many lanes a batch can keep busy at a time. */
function unitsAtOnce({ hasIndexUnits, indexWork }: BatchPlan): number {
  return hasIndexUnits ? Math.max(1, indexWork[0]?.indexes.length ?? 0) : 1;
}

function newWork(
  scope: ActivityInput<'planCopy'>,
  batchCount: number,
  tableCount: number,
  hasLargeObjects: boolean,
): CopyWork {
  const { ref, database, owner, generation, snapshot } = scope;
  const reportedOn = new Date().toISOString();
  const work = newCopyWork(
    { migrationId: ref.id, database, owner, generation, snapshot, batchCount, reportedOn },
    tableCount,
  );
  return hasLargeObjects ? { ...work, followUps: [{ kind: 'largeObjects', attempt: 0 }] } : work;
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

/** Gives how many lanes the batches can keep busy. A plan exists only while it is written. */
async function writePlans(
  env: ActivityEnvironment,
  { database, generation }: SchemaScope,
  batches: readonly CopyBatch[],
  planOf: (batch: CopyBatch) => BatchPlan,
): Promise<number> {
  const { id } = env.record.ref;
  let unitCount = 0;
  for (let first = 0; first < batches.length; first += BLOBS_AT_ONCE) {
    await Promise.all(
      batches.slice(first, first + BLOBS_AT_ONCE).map((batch, offset) => {
        const plan = planOf(batch);
        unitCount += unitsAtOnce(plan);
        return env.stores.blobs.putJson(batchPath(id, database, generation, first + offset), plan);
      }),
    );
  }
  return unitCount;
}

function indexCount(tables: readonly PlannedTable[], schema: SchemaPart<'copy'>): number {
  const counts = tables.map(({ oid }) => schema.indexWork[String(oid)]?.indexes.length ?? 0);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** What a byte of an index costs to build, against a B-tree's: the longest build has to begin first. */
const COST_OF_METHOD: readonly [RegExp, number][] = [
  [/ USING "?gin"? /i, 12],
  [/ USING "?(?:gist|spgist)"? /i, 6],
];

function costOf({ createSql, bytes }: IndexWork): number {
  const cost = COST_OF_METHOD.find(([pattern]) => pattern.test(createSql ?? ''))?.[1] ?? 1;
  return cost * bytes;
}

function batchPlan(
  batch: CopyBatch,
  schema: SchemaPart<'copy'>,
  tuning: Pick<BatchPlan, 'hasManyIndexes' | 'indexMemoryMb'>,
): BatchPlan {
  const works = batch.items.map(({ oid }): TableIndexWork | undefined => {
    const work = schema.indexWork[String(oid)];
    return work && { ...work, indexes: work.indexes.toSorted((a, b) => costOf(b) - costOf(a)) };
  });
  // Without an index no unit would follow that notes that the table is complete.
  const hasIndexes = (works[0]?.indexes.length ?? 0) > 0;
  const isLarge = batch.items.length === 1 && batch.bytes >= INDEX_UNITS_FROM_BYTES && hasIndexes;
  return {
    batch,
    indexWork: works,
    hasIndexUnits: batch.kind === 'part' || isLarge,
    ...tuning,
    defaultSearchPath: schema.database.defaultSearchPath,
  };
}

function tableRecords(
  tables: readonly PlannedTable[],
  batches: readonly CopyBatch[],
): TableRecord[] {
  const partCounts = new Map<number, number>();
  for (const { items } of batches) {
    for (const { oid, part } of items) partCounts.set(oid, part?.count ?? 1);
  }
  return tables.map(({ oid, schema, name, bytes }) =>
    newTableRecord({
      tableId: String(oid),
      schema,
      table: name,
      bytesTotal: bytes,
      partCount: partCounts.get(oid) ?? 1,
    }),
  );
}

async function sourceHasLargeObjects(source: PgSession): Promise<boolean> {
  const { rowCount } = await source.query('select from pg_catalog.pg_largeobject_metadata limit 1');
  return (rowCount ?? 0) > 0;
}
