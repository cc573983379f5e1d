import type { CopyBatch } from './batch.ts';
import type { PlannedTable } from './format.ts';

export interface PlanOptions {
  /** Connections that copy at once. */
  jobs: number;
  /** The source's, as in server_version_num. */
  serverVersion: number;
  /** A smaller table is never split. Default: 64 MiB. */
  splitThresholdBytes?: number;
  /** Most that a part should hold: some minutes' work. Default: 16 GiB. */
  partBytes?: number;
  /** Most that a batch of small tables should hold. Default: 32 MiB. */
  batchBytes?: number;
  /** Most tables in a batch. Default: 200. */
  batchTables?: number;
}

export function planBatches(tables: readonly PlannedTable[], options: PlanOptions): CopyBatch[] {
  void [tables, options];
  throw new Error('To come.');
}
