import { batchPath } from '../../shared/contracts/blobPaths.ts';
import type { ActivityInput } from '../../shared/contracts/activities.ts';
import type { CopyWork } from '../../shared/contracts/copyWork.ts';
import { newCopyWork, newTableRecord } from '../../shared/contracts/newRows.ts';
import type { MigrationSpec, TableRecord } from '../../shared/contracts/records.ts';
import type { CopyBatch } from '../../shared/pg/copy/batch.ts';
import type { PlannedTable } from '../../shared/pg/copy/format.ts';
import { planBatches } from '../../shared/pg/copy/plan.ts';
import type { DatabaseFacts, IndexWork, TableIndexWork } from '../../shared/pg/schema/plan.ts';
import type { Stores } from '../../shared/state/stores.ts';
import type { BatchPlan } from './batchPlan.ts';

/*
 * How the copy of a database is divided, without its servers: the activity and the simulation
 * (scripts/simulate) both plan with this.
 */

/** From this size on the indexes of a table are built in parallel, each as a unit of its own. */
const INDEX_UNITS_FROM_BYTES = 32 * 1024 * 1024;

const BLOBS_AT_ONCE = 16;

/** How much more help than its fair part of it a database is made ready for. */
const HOPED_PARTS = 4;

/** What all index builds of a migration may take on the target's machine together. */
const INDEX_MEMORY_MB = 1024;

export interface DatabasePlanOptions {
  spec: Pick<MigrationSpec, 'mode' | 'jobs'>;
  /** Those of the database's lane. */
  jobs: number;
  /** As it was claimed; absent: by a version that did not count them. */
  openDatabases?: number | undefined;
  /** The source's, as in server_version_num. */
  serverVersion: number;
  indexWork: Readonly<Record<string, TableIndexWork>>;
  defaultSearchPath: DatabaseFacts['defaultSearchPath'];
}

export interface DatabasePlan {
  batches: CopyBatch[];
  /** Made anew at each call: with its index work, a plan is kept only while it is written. */
  planOf: (batch: CopyBatch) => BatchPlan;
}

/** The same tables and options give the same plan. */
export function planDatabase(
  tables: readonly PlannedTable[],
  options: DatabasePlanOptions,
): DatabasePlan {
  const { jobs, spec, serverVersion, indexWork } = options;
  const batches = planBatches(tables, { jobs: jobsToPlanFor(options), serverVersion });
  const indexCounts = tables.map(({ oid }) => indexWork[String(oid)]?.indexes.length ?? 0);
  const tuning = {
    hasManyIndexes: indexCounts.reduce((sum, count) => sum + count, 0) >= jobs,
    indexMemoryMb: Math.max(64, Math.floor(INDEX_MEMORY_MB / spec.jobs)),
    defaultSearchPath: options.defaultSearchPath,
  };
  return { batches, planOf: (batch) => ({ ...batchPlan(batch, indexWork), ...tuning }) };
}

/**
 * Offline, jobs that find no database of their own help with those that are left, so that tables are
 * split for more than the database's own. While many databases are open such help is far away, and
 * comes to all of them; and each part costs an activity.
 */
export function jobsToPlanFor({
  spec,
  jobs,
  openDatabases = 1,
}: Pick<DatabasePlanOptions, 'spec' | 'jobs' | 'openDatabases'>): number {
  if (spec.mode !== 'Offline') return jobs;
  const helped = Math.ceil((HOPED_PARTS * spec.jobs) / Math.max(1, openDatabases));
  return Math.max(jobs, Math.min(spec.jobs, helped));
}

/** Gives how many lanes the batches can keep busy. A plan exists only while it is written. */
export async function writePlans(
  { blobs }: Pick<Stores, 'blobs'>,
  { ref, database, generation }: Pick<ActivityInput<'planCopy'>, 'ref' | 'database' | 'generation'>,
  { batches, planOf }: DatabasePlan,
): Promise<number> {
  let unitCount = 0;
  for (let first = 0; first < batches.length; first += BLOBS_AT_ONCE) {
    await Promise.all(
      batches.slice(first, first + BLOBS_AT_ONCE).map((batch, offset) => {
        const plan = planOf(batch);
        unitCount += unitsAtOnce(plan);
        return blobs.putJson(batchPath(ref.id, database, generation, first + offset), plan);
      }),
    );
  }
  return unitCount;
}

export function tableRecords(
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

export function plannedWork(
  scope: ActivityInput<'planCopy'>,
  counts: { batchCount: number; tableCount: number },
  hasLargeObjects: boolean,
): CopyWork {
  const { ref, database, owner, generation, snapshot } = scope;
  const { batchCount, tableCount } = counts;
  const reportedOn = new Date().toISOString();
  const work = newCopyWork(
    { migrationId: ref.id, database, owner, generation, snapshot, batchCount, reportedOn },
    tableCount,
  );
  return hasLargeObjects ? { ...work, followUps: [{ kind: 'largeObjects', attempt: 0 }] } : work;
}

/** How many lanes a database gets for so many units. */
export function laneCountOf(jobs: number, unitCount: number): number {
  return Math.max(1, Math.min(jobs, unitCount));
}

/** How many lanes a batch can keep busy at a time. */
function unitsAtOnce({ hasIndexUnits, indexWork }: BatchPlan): number {
  return hasIndexUnits ? Math.max(1, indexWork[0]?.indexes.length ?? 0) : 1;
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
  indexWork: DatabasePlanOptions['indexWork'],
): Pick<BatchPlan, 'batch' | 'indexWork' | 'hasIndexUnits'> {
  const works = batch.items.map(({ oid }): TableIndexWork | undefined => {
    const work = indexWork[String(oid)];
    return work && { ...work, indexes: work.indexes.toSorted((a, b) => costOf(b) - costOf(a)) };
  });
  // Without an index no unit would follow that notes that the table is complete.
  const hasIndexes = (works[0]?.indexes.length ?? 0) > 0;
  const isLarge = batch.items.length === 1 && batch.bytes >= INDEX_UNITS_FROM_BYTES && hasIndexes;
  return { batch, indexWork: works, hasIndexUnits: batch.kind === 'part' || isLarge };
}
