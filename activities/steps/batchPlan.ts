import { batchPath } from '../../shared/contracts/blobPaths.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import type { CopyBatch } from '../../shared/pg/copy/batch.ts';
import type { BuildOptions } from '../../shared/pg/schema/indexes.ts';
import type { TableIndexWork } from '../../shared/pg/schema/plan.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/** What planCopy leaves for the activities of one batch. */
export interface BatchPlan {
  batch: CopyBatch;
  /** Index work of the batch's tables, in the same order; absent for a table without any. */
  indexWork: (TableIndexWork | undefined | null)[];
  /** Whether the indexes are units of their own, so that they are built in parallel. */
  hasIndexUnits: boolean;
  /**
   * Whether the copy's lanes alone keep its jobs busy with indexes. Then a build takes no parallel
   * workers: they would only share what there is, at the price of sorting through files.
   */
  hasManyIndexes: boolean;
  /** Memory for one index build (maintenance_work_mem). */
  indexMemoryMb: number;
  /** Tried where an index expression does not resolve under the empty search_path. */
  defaultSearchPath: string;
}

export async function readBatchPlan(
  env: ActivityEnvironment,
  input: { database: string; generation: number; batch: number },
): Promise<BatchPlan> {
  const { database, generation, batch } = input;
  const path = batchPath(env.record.ref.id, database, generation, batch);
  const plan = await env.stores.blobs.getJson<BatchPlan>(path);
  if (plan === undefined) {
    throw new MigrationError('internal', `${database}: the plan of batch ${batch} is missing.`);
  }
  const [item, ...others] = plan.batch.items;
  if (item !== undefined && others.length === 0)
    env.about({ table: `${item.schema}.${item.name}` });
  return plan;
}

export function indexBuildOptions(plan: BatchPlan): BuildOptions {
  return {
    maintenanceWorkMem: `${plan.indexMemoryMb}MB`,
    defaultSearchPath: plan.defaultSearchPath,
    ...(plan.hasManyIndexes ? { maxParallelMaintenanceWorkers: 0 } : {}),
  };
}
