import type { PgEndpoint } from '../endpoint.ts';
import type { CopyBatch, TableOutcome } from './batch.ts';

export interface CopyProgress {
  oid: number;
  part: number;
  /** Bytes of COPY data so far. */
  bytes: number;
}

export interface CopyBatchOptions {
  source: PgEndpoint;
  target: PgEndpoint;
  batch: CopyBatch;
  /** Number of the snapshot; what a greater one copied is not touched. */
  generation: number;
  /** As exported by holdSnapshot. */
  snapshot: string;
  applicationName: string;
  signal: AbortSignal;
  /** When given, the target's marker has to name this migration. */
  migrationId?: string;
  /** Called at most once a second, with the tables that moved since. */
  onProgress?: (progress: CopyProgress[]) => void;
}

export async function copyBatch(options: CopyBatchOptions): Promise<TableOutcome[]> {
  void options;
  throw new Error('To come.');
}
