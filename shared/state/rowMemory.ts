/** A row as it was last read or written by this process. */
export interface KnownRow {
  /** JSON, so that nobody who got the record can change what is remembered. */
  record: string;
  outbox: string;
  version: number;
  writeId: string;
  etag: string;
  /** As in the row. */
  blobs: string[];
}

const MOST_ROWS = 256;

/**
 * Saves the read before a write: the ETag tells when another process has written since. Whoever
 * reads gets the row as it is; of a steady one at least the id of its last write is read.
 */
export interface RowMemory {
  recall(id: string): KnownRow | undefined;
  remember(id: string, row: KnownRow): void;
  forget(id: string): void;
}

export function openRowMemory(): RowMemory {
  const rows = new Map<string, KnownRow>();
  return {
    recall: (id) => rows.get(id),
    remember: (id, row) => {
      // The one that was touched longest ago comes first.
      rows.delete(id);
      rows.set(id, row);
      const [oldest] = rows.keys();
      if (rows.size > MOST_ROWS && oldest !== undefined) rows.delete(oldest);
    },
    forget: (id) => void rows.delete(id),
  };
}
