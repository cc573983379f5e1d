import type { PgSession } from '../connect.ts';
import type { CopyItem } from './batch.ts';
import { copyInSql, copyOutSql } from './copySql.ts';
import { copyPipeMany } from './pipe.ts';
import type { CopyResult } from './pipe.ts';

export interface CopyProgress {
  oid: number;
  part: number;
  /** Bytes of COPY data so far. */
  bytes: number;
}

export interface PipeItemsOptions {
  signal: AbortSignal;
  /** Called at most once a second, with the tables that moved since. */
  onProgress?: (progress: CopyProgress[]) => void;
}

/** From this size on a table is truncated first, which lets its rows be written frozen. */
export const FREEZE_FROM_BYTES = 1024 * 1024;

const PROGRESS_MS = 1000;

/** Copies the items one after the other, those in `frozen` with FREEZE. */
export async function pipeItems(
  source: PgSession,
  target: PgSession,
  items: readonly CopyItem[],
  frozen: ReadonlySet<CopyItem>,
  options: PipeItemsOptions,
): Promise<CopyResult[]> {
  if (items.length === 0) return [];
  return await copyPipeMany(
    source.client,
    items.map(copyOutSql),
    target.client,
    items.map((item) => copyInSql(item, { freeze: frozen.has(item) })),
    { signal: options.signal, onBytes: progressOf(items, options) },
  );
}

/** Small tables that go together are over before anybody looks. */
function progressOf(
  items: readonly CopyItem[],
  options: PipeItemsOptions,
): (bytes: number) => void {
  const [item] = items;
  const { onProgress } = options;
  if (items.length !== 1 || item === undefined || onProgress === undefined) return () => undefined;
  let toldAt = Date.now();
  return (bytes) => {
    const now = Date.now();
    if (now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    onProgress([{ oid: item.oid, part: item.part?.index ?? 0, bytes }]);
  };
}
