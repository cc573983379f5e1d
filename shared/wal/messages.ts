import type { Lsn } from './lsn.ts';
import type { Tuple } from './tuple.ts';

/*
 * What a logical decoding plugin tells, independent of the plugin. A transaction comes whole, after
 * its commit: begin, its changes, commit. Values are texts as the types' output functions write
 * them; SQL NULL is null.
 */

/** Column names of one message; the same object for the same sequence of columns of a relation. */
export interface ColumnSet {
  readonly names: readonly string[];
  /** Type oids on the source. */
  readonly typeOids: readonly number[];
}

export type Value = string | null;

export interface RowChange {
  action: 'I' | 'U' | 'D';
  schema: string;
  table: string;
  /** Insert and update: the columns that are present. A TOASTed value that did not change is absent. */
  columns?: ColumnSet;
  values?: Tuple;
  /** Update and delete: the replica identity's columns, with the old values. */
  identity?: ColumnSet;
  identityValues?: Tuple;
  /** Size of the message, for bounds of memory. */
  bytes: number;
}

export type WalMessage =
  // `endLsn` is the position to resume from after this transaction.
  | { action: 'B'; xid: number; commitLsn: Lsn; endLsn: Lsn }
  | { action: 'C'; xid: number; commitLsn: Lsn; endLsn: Lsn }
  | RowChange
  | { action: 'T'; schema: string; table: string }
  // A logical message; one that is not transactional may come outside of a transaction.
  | { action: 'M'; transactional: boolean; prefix: string; content: string; lsn: Lsn };
