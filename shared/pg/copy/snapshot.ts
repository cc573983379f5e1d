import type { PgEndpoint } from '../endpoint.ts';
import type { TableFilter } from '../tablePattern.ts';

export interface HoldSnapshotOptions {
  filter: TableFilter;
  applicationName: string;
  signal: AbortSignal;
  /** How long locks are waited for, all attempts together. Default: ten minutes. */
  lockWaitMs?: number;
}

/** An exported snapshot, and locks on every table that is read under it. */
export interface HeldSnapshot {
  /** For `set transaction snapshot` and `pg_dump --snapshot`. */
  readonly snapshot: string;
  readonly serverVersion: number;
  readonly backendPid: number;
  /** Settles with the reason when the connection breaks; never after release(). */
  readonly lost: Promise<string>;
  release(): Promise<void>;
}

export async function holdSnapshot(
  endpoint: PgEndpoint,
  options: HoldSnapshotOptions,
): Promise<HeldSnapshot> {
  void [endpoint, options];
  throw new Error('To come.');
}
