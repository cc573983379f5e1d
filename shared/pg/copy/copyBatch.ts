import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import { describeEndpoint } from '../endpoint.ts';
import type { PgEndpoint } from '../endpoint.ts';
import { tableLabel } from './batch.ts';
import type { CopyBatch, CopyItem, TableOutcome } from './batch.ts';
import type { CopyRecord } from './control.ts';
import { CopySessions } from './copySessions.ts';
import { copyInSql, copyOutSql } from './copySql.ts';
import { concernsWholeCall, failureKind, safeCause, safeError } from './failure.ts';
import { fencePart, fenceTables, preparePartedTable, recordCopies } from './fence.ts';
import { copyPipeMany } from './pipe.ts';
import type { CopyResult } from './pipe.ts';
import { clearTables, firstObstacles } from './targetTables.ts';
import type { TableObstacle } from './targetTables.ts';

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

/** From this size on a table is truncated first, which lets its rows be written frozen. */
const FREEZE_FROM_BYTES = 1024 * 1024;

const PROGRESS_MS = 1000;

/**
 * Copies the tables of a batch. A table's rows and the note in pgmove.copies that they are there are
 * one transaction on the target, fenced by the table's row, so that a batch may run again, or twice
 * at once, at any moment. A table that fails is an outcome and leaves nothing.
 *
 * @throws MigrationError for what concerns the whole call: connections, snapshotLost, fenced,
 *   lockTimeout, canceled. What was committed before stays, and is skipped by the next call.
 */
export async function copyBatch(options: CopyBatchOptions): Promise<TableOutcome[]> {
  const sessions = new CopySessions(options);
  try {
    if (options.batch.kind === 'part') return await copyEach(sessions, options);
    try {
      return await copyTogether(sessions, options.batch.items, options);
    } catch (error) {
      if (concernsWholeCall(error)) throw error;
      // Which table it was, and that only that one fails, is found out table by table.
      return await copyEach(sessions, options);
    }
  } catch (error) {
    if (options.signal.aborted) {
      throw new MigrationError('canceled', 'The copy was asked to stop.');
    }
    const way = `${describeEndpoint(options.source)} to ${describeEndpoint(options.target)}`;
    throw safeError(error, `The copy from ${way} broke off`);
  } finally {
    await sessions[Symbol.asyncDispose]();
  }
}

async function copyEach(
  sessions: CopySessions,
  options: CopyBatchOptions,
): Promise<TableOutcome[]> {
  const outcomes: TableOutcome[] = [];
  for (const item of options.batch.items) {
    try {
      outcomes.push(
        ...(item.part === undefined
          ? await copyTogether(sessions, [item], options)
          : [await copyPart(sessions, item, options)]),
      );
    } catch (error) {
      await sessions.reset();
      if (options.signal.aborted || concernsWholeCall(error)) throw error;
      outcomes.push(failedOutcome(item, error));
    }
  }
  return outcomes;
}

/** All in one transaction on the target: 5,000 small tables are not 5,000 commits. */
async function copyTogether(
  sessions: CopySessions,
  items: readonly CopyItem[],
  options: CopyBatchOptions,
): Promise<TableOutcome[]> {
  try {
    const { source, target } = await sessions.both();
    await target.query('begin');
    const fenced = await fenceTables(target, items, options);
    const obstacles = await firstObstacles(target, fenced);
    const open = fenced.filter(({ item, done }) => !done && !obstacles.has(item.oid));
    const isFrozen = (item: CopyItem) => !item.extensionConfig && item.bytes >= FREEZE_FROM_BYTES;
    const cleared = open.filter(({ item, hasOldRows }) => hasOldRows || isFrozen(item));
    await clearTables(
      target,
      cleared.map(({ item }) => item),
    );
    const frozen = new Set(cleared.map(({ item }) => item).filter((item) => !item.extensionConfig));
    const filled = open.map(({ item }) => item);
    const results = await pipeItems(source, target, filled, frozen, options);
    const copies = filled.map((item, index) => ({ item, result: results[index]! }));
    await recordCopies(target, copies, options);
    await target.query('commit');
    const resultOf = new Map(copies.map(({ item, result }) => [item, result]));
    return fenced.map(({ item, done }) => {
      const obstacle = obstacles.get(item.oid);
      if (obstacle) return obstacleOutcome(item, obstacle);
      if (done) return skippedOutcome(item, done);
      return doneOutcome(item, resultOf.get(item)!);
    });
  } catch (error) {
    await sessions.reset();
    throw error;
  }
}

async function copyPart(
  sessions: CopySessions,
  item: CopyItem,
  options: CopyBatchOptions,
): Promise<TableOutcome> {
  const { source, target } = await sessions.both();
  const obstacle = await preparePartedTable(target, item, options);
  if (obstacle) return obstacleOutcome(item, obstacle);
  await target.query('begin');
  const done = await fencePart(target, item, options);
  if (done) {
    await target.query('rollback');
    return skippedOutcome(item, done);
  }
  // Not frozen: that needs a table which the same transaction truncated.
  const [result] = await pipeItems(source, target, [item], new Set(), options);
  await recordCopies(target, [{ item, result: result! }], options);
  await target.query('commit');
  return doneOutcome(item, result!);
}

async function pipeItems(
  source: Awaited<ReturnType<CopySessions['source']>>,
  target: Awaited<ReturnType<CopySessions['target']>>,
  items: readonly CopyItem[],
  frozen: ReadonlySet<CopyItem>,
  options: CopyBatchOptions,
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
  options: CopyBatchOptions,
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

function subjectOf(item: CopyItem) {
  return { oid: item.oid, schema: item.schema, name: item.name, part: item.part?.index ?? 0 };
}

function doneOutcome(item: CopyItem, result: CopyResult): TableOutcome {
  const { rows, bytes, ms } = result;
  return {
    ...subjectOf(item),
    state: 'done',
    rows,
    bytes,
    copyMs: Math.round(ms),
    skipped: false,
  };
}

function skippedOutcome(item: CopyItem, record: CopyRecord): TableOutcome {
  const { rows, bytes, copyMs } = record;
  return { ...subjectOf(item), state: 'done', rows, bytes, copyMs, skipped: true };
}

function obstacleOutcome(item: CopyItem, obstacle: TableObstacle): TableOutcome {
  const { kind, reason } = obstacle;
  const error = `Table ${tableLabel(item)} cannot be copied: ${reason}.`;
  return { ...subjectOf(item), state: 'failed', kind, error };
}

function failedOutcome(item: CopyItem, error: unknown): TableOutcome {
  const code = codeOf(error);
  return {
    ...subjectOf(item),
    state: 'failed',
    kind: failureKind(error),
    ...(code === undefined ? {} : { code }),
    error: `Table ${tableLabel(item)} could not be copied: ${safeCause(error)}.`,
  };
}
