import { MigrationError } from '../../errors/migrationError.ts';
import { connect } from '../../pg/connect.ts';
import type { PgSession } from '../../pg/connect.ts';
import type { PgEndpoint } from '../../pg/endpoint.ts';
import type { CopyBatch, CopyItem, TableOutcome } from '../../pg/copy/batch.ts';
import { COPY_SETTINGS, openCopyTarget } from '../../pg/copy/copySessions.ts';
import { concernsWholeCall, safeError } from '../../pg/copy/failure.ts';
import {
  doneOutcome,
  failedOutcome,
  obstacleOutcome,
  skippedOutcome,
} from '../../pg/copy/outcomes.ts';
import { FREEZE_FROM_BYTES, pipeItems } from '../../pg/copy/pipeItems.ts';
import type { CopyProgress } from '../../pg/copy/pipeItems.ts';
import { ReusedBufferSocket } from '../../pg/copy/reusedBufferSocket.ts';
import { clearTables, firstObstacles } from '../../pg/copy/targetTables.ts';
import { readProgress } from '../progress.ts';
import { copyOnlinePart } from './copyOnlinePart.ts';
import { takeTableSnapshot, waitFlushed } from './tableSnapshot.ts';
import { isFilled, isOpen, noteCopied, readTableStates, requestCopy } from './tableStates.ts';
import { listenForStates, waitForHold } from './waitForHold.ts';

export interface OnlineCopyOptions {
  source: PgEndpoint;
  target: PgEndpoint;
  batch: CopyBatch;
  migrationId: string;
  applicationName: string;
  signal: AbortSignal;
  /** Called at most once a second with the bytes of a batch of one table so far. */
  onProgress?: (progress: CopyProgress[]) => void;
  /** For tests: is called between the steps and may throw. */
  failPoint?: (name: string) => void | Promise<void>;
}

/**
 * Copies the tables of a batch while their changes go on: hand-shake with the stream, locks, one
 * snapshot for the batch, the rows. A table's rows and the note of them, with the snapshot and the
 * LSN up to which it decides, are one transaction on the target. Safe to run again, or twice at once.
 *
 * @throws MigrationError for what concerns the whole call; a table that fails alone is an outcome.
 */
export async function copyOnline(options: OnlineCopyOptions): Promise<TableOutcome[]> {
  const { items } = options.batch;
  try {
    if (options.batch.kind === 'part') {
      return await each(items, (item) => withSessions(options, copyOnlinePart, item));
    }
    try {
      return await withSessions(options, copyTogether, items);
    } catch (error) {
      if (items.length === 1 || concernsWholeCall(error)) throw error;
    }
    // Which table it was, and that only that one fails, is found out table by table.
    return await each(items, (item) => withSessions(options, copyTogether, [item]));
  } catch (error) {
    if (options.signal.aborted) {
      throw new MigrationError('canceled', 'The copy was asked to stop.');
    }
    if (concernsWholeCall(error)) throw safeError(error, 'The copy broke off');
    return items.map((item) => failedOutcome(item, error));
  }
}

/** A failure that is the table's own becomes its outcome. */
async function each(
  items: readonly CopyItem[],
  copy: (item: CopyItem) => Promise<TableOutcome[]>,
): Promise<TableOutcome[]> {
  const outcomes: TableOutcome[] = [];
  for (const item of items) {
    try {
      outcomes.push(...(await copy(item)));
    } catch (error) {
      if (concernsWholeCall(error)) throw error;
      outcomes.push(failedOutcome(item, error));
    }
  }
  return outcomes;
}

export interface OnlineSessions {
  source: PgSession;
  target: PgSession;
}

async function withSessions<Input>(
  options: OnlineCopyOptions,
  work: (
    sessions: OnlineSessions,
    input: Input,
    options: OnlineCopyOptions,
  ) => Promise<TableOutcome[]>,
  input: Input,
): Promise<TableOutcome[]> {
  const { applicationName, signal } = options;
  await using target = await openCopyTarget(options);
  await using source = await connect(options.source, {
    applicationName,
    signal,
    plainSocket: () => new ReusedBufferSocket(),
    settings: {
      ...COPY_SETTINGS,
      max_parallel_workers_per_gather: '0',
      default_transaction_read_only: 'on',
    },
  });
  if (source.serverVersion >= 110000) await source.query('set jit = off');
  // A query that waits for a lock ends with its connection.
  const onAbort = () => {
    void source.close();
    void target.close();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work({ source, target }, input, options);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function copyTogether(
  { source, target }: OnlineSessions,
  items: readonly CopyItem[],
  options: OnlineCopyOptions,
): Promise<TableOutcome[]> {
  const reach = async (name: string) => await options.failPoint?.(name);
  await listenForStates(target);
  await requestCopy(target, items);
  await reach('starting');
  const held = await waitForHold(target, items, options.signal);
  await reach('copying');
  const missing = items.filter(({ oid }) => !isFilled(held.get(oid)!));
  if (missing.length === 0) return items.map((item) => skippedOutcome(item, held.get(item.oid)!));
  const progress = await readProgress(target);
  const taken = await takeTableSnapshot(source, missing, { ...progress, signal: options.signal });
  await reach('snapshot');
  await target.query('begin');
  // Only these: a table of the batch that is further would have to wait to become ready.
  const states = await readTableStates(
    target,
    missing.map(({ oid }) => oid),
    true,
  );
  const open = missing.filter((item) => isOpen(item, states.get(item.oid), held.get(item.oid)!));
  const fenced = open.map((item) => ({ item, hasOldRows: states.get(item.oid)!.filled }));
  const obstacles = await firstObstacles(target, fenced);
  const filled = open.filter(({ oid }) => !obstacles.has(oid));
  const cleared = filled.filter((item) => states.get(item.oid)!.filled || isFrozen(item));
  await clearTables(target, cleared);
  await reach('truncated');
  const results = await pipeItems(
    source,
    target,
    filled,
    new Set(cleared.filter((item) => !item.extensionConfig)),
    options,
  );
  await reach('copied');
  await waitFlushed(source, taken.lsn, options.signal);
  const copies = filled.map((item, index) => ({ oid: item.oid, ...results[index]! }));
  await noteCopied(target, copies, taken);
  await target.query('commit');
  await source.query('rollback');
  await reach('committed');
  const resultOf = new Map(filled.map((item, index) => [item.oid, results[index]!]));
  return items.map((item) => {
    const obstacle = obstacles.get(item.oid);
    if (obstacle) return obstacleOutcome(item, obstacle);
    const result = resultOf.get(item.oid);
    if (result) return doneOutcome(item, result);
    return skippedOutcome(item, states.get(item.oid) ?? held.get(item.oid)!);
  });
}

function isFrozen(item: CopyItem): boolean {
  return !item.extensionConfig && item.bytes >= FREEZE_FROM_BYTES;
}
