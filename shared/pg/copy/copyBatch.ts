import { MigrationError } from '../../errors/migrationError.ts';
import { describeEndpoint } from '../endpoint.ts';
import type { PgEndpoint } from '../endpoint.ts';
import type { CopyBatch, CopyItem, TableOutcome } from './batch.ts';
import { CopySessions } from './copySessions.ts';
import { concernsWholeCall, safeError } from './failure.ts';
import { fencePart, fenceTables, preparePartedTable, recordCopies } from './fence.ts';
import { doneOutcome, failedOutcome, obstacleOutcome, skippedOutcome } from './outcomes.ts';
import { FREEZE_FROM_BYTES, pipeItems } from './pipeItems.ts';
import type { CopyProgress } from './pipeItems.ts';
import { clearTables, firstObstacles } from './targetTables.ts';

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
