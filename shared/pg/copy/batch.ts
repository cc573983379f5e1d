import type { MigrationErrorKind } from '../../errors/migrationError.ts';

/*
 * What a copy is planned into. Everything here is stored in a blob between activities: plain JSON.
 *
 * item     one table, or one part of a large table, as copyBatch needs it
 * batch    what one activity copies: one table, many small ones, or one part
 * outcome  what became of an item; a table that failed is a value, not an exception
 */

export type CopyFormat = 'binary' | 'text';

/** A slice of a large table. Slices of one table do not overlap and together hold every row. */
export interface TablePart {
  /** From 1; 0 is the whole table in `pgmove.copies`. */
  index: number;
  count: number;
  /** Condition on the source, in SQL: a range of blocks or of the key. The last one has no end. */
  where: string;
}

export interface CopyItem {
  /** The table's oid on the source. */
  oid: number;
  schema: string;
  name: string;
  /** In the source's order; empty for a table without columns or with generated ones only. */
  columns: string[];
  format: CopyFormat;
  /** Set when the bytes go through unconverted: both databases have this encoding. */
  encoding?: string;
  /** Estimate of what is on disk. */
  bytes: number;
  estimatedRows: number;
  /** A table of an extension: the rows that match are appended, the table is never truncated. */
  extensionConfig?: { condition: string };
  part?: TablePart;
}

export interface CopyBatch {
  /** Unique within a plan, the same for the same input. */
  id: string;
  kind: 'tables' | 'part';
  items: CopyItem[];
  /** Sum over the items. */
  bytes: number;
}

interface OutcomeSubject {
  oid: number;
  schema: string;
  name: string;
  /** 0: the whole table. */
  part: number;
  /** Of a part that is copied online: the table starts again under another one. */
  generation?: number;
}

export type TableOutcome =
  // Committed on the target, by this call or by an earlier one of the same generation.
  | (OutcomeSubject & {
      state: 'done';
      rows: number;
      bytes: number;
      copyMs: number;
      /** An earlier call had done it. */
      skipped: boolean;
    })
  // Nothing of it is on the target. `error` names the table and holds no row values.
  | (OutcomeSubject & { state: 'failed'; kind: MigrationErrorKind; code?: string; error: string });

/** How a table is named in messages: `public.orders`. */
export function tableLabel(table: { schema: string; name: string }): string {
  return `${table.schema}.${table.name}`;
}
