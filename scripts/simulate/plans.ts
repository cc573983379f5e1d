import type { BatchPlan } from '../../activities/steps/batchPlan.ts';
import { planBatches } from '../../shared/pg/copy/plan.ts';
import type { PlannedTable } from '../../shared/pg/copy/format.ts';

const INDEX_UNITS_FROM_BYTES = 32 * 1024 * 1024;

/** What the planner makes of a database, without its indexes. */
export function plansOf(tables: readonly PlannedTable[], jobs: number): BatchPlan[] {
  return planBatches([...tables], { jobs, serverVersion: 170000 }).map((batch) => {
    const isLarge = batch.items.length === 1 && batch.bytes >= INDEX_UNITS_FROM_BYTES;
    return {
      batch,
      indexWork: [],
      hasIndexUnits: batch.kind === 'part' || isLarge,
      hasManyIndexes: true,
      indexMemoryMb: 64,
      defaultSearchPath: '',
    };
  });
}

/** Units of work that these plans come to: the batches, then the indexes and the end of each large table. */
export function unitCount(plans: readonly BatchPlan[], indexes: number): number {
  const large = plans.filter(({ hasIndexUnits }) => hasIndexUnits);
  const tables = new Set(large.flatMap(({ batch }) => batch.items.map(({ oid }) => oid)));
  return plans.length + tables.size * (indexes + 1);
}
