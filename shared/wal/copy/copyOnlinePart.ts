import pg from 'pg';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import { tableLabel } from '../../pg/copy/batch.ts';
import type { CopyItem, TableOutcome } from '../../pg/copy/batch.ts';
import { recordPart } from '../../pg/copy/fence.ts';
import { doneOutcome, obstacleOutcome, skippedOutcome } from '../../pg/copy/outcomes.ts';
import { pipeItems } from '../../pg/copy/pipeItems.ts';
import { clearTables, firstObstacles } from '../../pg/copy/targetTables.ts';
import type { TableObstacle } from '../../pg/copy/targetTables.ts';
import { qualifiedSql } from '../../pg/copy/tables.ts';
import { inTransaction } from '../../pg/transaction.ts';
import type { OnlineCopyOptions, OnlineSessions } from './copyOnline.ts';
import { currentSnapshotSql, LOCK_TIMEOUT } from './tableSnapshot.ts';
import {
  isFilled,
  isOpen,
  readTableStates,
  requestCopy,
  startAgain,
  STATE_CHANNEL,
} from './tableStates.ts';
import type { TableState } from './tableStates.ts';
import { listenForStates, nextNotice, waitForHold } from './waitForHold.ts';

/** How long a part waits for the replicator to export another snapshot for its table. */
const LOOK_EVERY_MS = 500;
const MOST_LOOKS = 240;

/** How often the table's lock may not be granted, for LOCK_TIMEOUT each time. */
const MOST_LOCKED = 3;

/**
 * Copies one part of a large table. All parts of the table read under one snapshot, which the
 * replicator holds; when it is lost the table starts again, under another generation.
 */
export async function copyOnlinePart(
  sessions: OnlineSessions,
  item: CopyItem,
  options: OnlineCopyOptions,
): Promise<TableOutcome[]> {
  const { source, target } = sessions;
  const reach = async (name: string) => await options.failPoint?.(name);
  const partCount = item.part?.count ?? 0;
  await listenForStates(target);
  let locked = 0;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    await requestCopy(target, [item], partCount);
    await reach('starting');
    const held = (await waitForHold(target, [item], options.signal)).get(item.oid)!;
    if (isFilled(held)) return [{ ...skippedOutcome(item, held), generation: held.generation }];
    await reach('copying');
    const found = await importSnapshot(sessions, item, held);
    if (found === 'read') return [await copyUnder(sessions, item, held, options)];
    locked = found === 'locked' ? locked + 1 : 0;
    if (locked >= MOST_LOCKED) await letOthersPass(sessions, item, held);
    // The replicator notices that its snapshot is lost, and the table gets another generation.
    else if (locked === 0) await nextNotice(target, LOOK_EVERY_MS, options.signal);
    options.signal.throwIfAborted();
  }
  await source.close();
  throw new MigrationError(
    'lockTimeout',
    `The snapshot of table ${tableLabel(item)} is gone and no other one was exported.`,
  );
}

/**
 * Begins to read under the exported snapshot. The lock comes first: as the replicator's transaction
 * is still there when the snapshot is taken over, the table was locked all the time since, and
 * cannot have been emptied or rewritten.
 *
 * @returns whether the snapshot is there and the table can be locked.
 */
async function importSnapshot(
  { source }: OnlineSessions,
  item: CopyItem,
  { export: exported, snapshot }: TableState,
): Promise<'read' | 'gone' | 'locked'> {
  await source.query('begin isolation level repeatable read read only');
  try {
    await source.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    await source.query(`lock table only ${qualifiedSql(item)} in access share mode`);
    await source.query(`set transaction snapshot ${pg.escapeLiteral(exported ?? '')}`);
    const { rows } = await source.query<{ snapshot: string }>(
      `select ${currentSnapshotSql(source.serverVersion)}::text as snapshot`,
    );
    // Names come again, after a crash of the source for example: is it the one that was exported?
    if (rows[0]?.snapshot === snapshot) return 'read';
    await source.query('rollback');
    return 'gone';
  } catch (error) {
    await source.query('rollback');
    const code = codeOf(error) ?? '';
    // 22023: no such snapshot; 42704 from 18 on; 55000: the exporting transaction has ended.
    if (['22023', '42704', '55000'].includes(code)) return 'gone';
    if (['55P03', '40P01'].includes(code)) return 'locked';
    throw error;
  }
}

/**
 * Somebody waits for the table (TRUNCATE, ALTER TABLE) behind the replicator's snapshot, and the parts
 * that are still to be copied wait behind him: nobody would ever go on. The table starts again, and
 * with the snapshot its lock goes.
 */
async function letOthersPass(
  { target }: OnlineSessions,
  item: CopyItem,
  { generation }: TableState,
): Promise<void> {
  try {
    await inTransaction(target, async () => {
      // Parts that are being copied hold it: they end first.
      const { rowCount } = await target.query(
        `select from pgmove.copies where table_id = $1 and part = 0 and state = 'copying'
           and generation = $2 for update nowait`,
        [item.oid, generation],
      );
      if (rowCount === 1) await startAgain(target, [item.oid], item.part?.count ?? 0);
    });
  } catch (error) {
    if (codeOf(error) !== '55P03') throw error;
  }
}

async function copyUnder(
  { source, target }: OnlineSessions,
  item: CopyItem,
  held: TableState,
  options: OnlineCopyOptions,
): Promise<TableOutcome> {
  const { generation } = held;
  const obstacle = await prepareParts(target, item, held);
  if (obstacle) return obstacleOutcome(item, obstacle);
  await target.query('begin');
  // Shared: the parts run beside each other, a newer generation waits for all of them.
  await target.query('select from pgmove.copies where table_id = $1 and part = 0 for share', [
    item.oid,
  ]);
  const head = (await readTableStates(target, [item.oid])).get(item.oid);
  if (!isOpen(item, head, held)) {
    await target.query('rollback');
    return { ...skippedOutcome(item, head ?? held), generation };
  }
  const done = await target.query<Record<'rows' | 'bytes' | 'copyMs' | 'state', string>>(
    `select rows, bytes, copy_ms as "copyMs", state from pgmove.copies
     where table_id = $1 and part = $2 for update`,
    [item.oid, item.part?.index ?? 0],
  );
  const [record] = done.rows;
  if (record?.state === 'done') {
    await target.query('rollback');
    await noteAllParts(target, item, generation);
    const { rows, bytes, copyMs } = record;
    const counts = { rows: Number(rows), bytes: Number(bytes), copyMs: Number(copyMs) };
    return { ...skippedOutcome(item, counts), generation };
  }
  const [result] = await pipeItems(source, target, [item], new Set(), options);
  await options.failPoint?.('copied');
  await recordPart(target, item, result!);
  await target.query('commit');
  await source.query('rollback');
  await options.failPoint?.('committed');
  await noteAllParts(target, item, generation);
  return { ...doneOutcome(item, result!), generation };
}

/** Once per generation the table is emptied, in the transaction that writes its parts' rows. */
async function prepareParts(
  target: OnlineSessions['target'],
  item: CopyItem,
  held: TableState,
): Promise<TableObstacle | undefined> {
  const isPrepared = async () => {
    const { rowCount } = await target.query(
      'select from pgmove.copies where table_id = $1 and part > 0 and generation = $2 limit 1',
      [item.oid, held.generation],
    );
    return (rowCount ?? 0) > 0;
  };
  // The lock below waits for parts that are being copied, so it is not taken without need.
  if (await isPrepared()) return undefined;
  return await inTransaction(target, async () => {
    const head = (await readTableStates(target, [item.oid], true)).get(item.oid);
    if (!isOpen(item, head, held) || (await isPrepared())) return undefined;
    const hasOldRows = head?.filled === true;
    const obstacle = (await firstObstacles(target, [{ item, hasOldRows }])).get(item.oid);
    if (obstacle) return obstacle;
    await clearTables(target, hasOldRows ? [item] : []);
    await target.query('delete from pgmove.copies where table_id = $1 and part > 0', [item.oid]);
    await target.query(
      `insert into pgmove.copies (table_id, part, part_count, generation, snapshot, state)
       select $1, part, $2, $3, '', 'pending' from pg_catalog.generate_series(1, $2::int) part`,
      [item.oid, held.partCount, held.generation],
    );
    await target.query('update pgmove.copies set filled = true where table_id = $1 and part = 0', [
      item.oid,
    ]);
    return undefined;
  });
}

/** The last part to end notes that the table's rows are in. */
async function noteAllParts(
  target: OnlineSessions['target'],
  item: CopyItem,
  generation: number,
): Promise<void> {
  await target.query(
    `update pgmove.copies head
     set state = 'done', rows = p.rows, bytes = p.bytes, copy_ms = p.ms,
       finished_at = pg_catalog.clock_timestamp()
     from (
       select count(*) filter (where state = 'done') as done, sum(rows) as rows,
         sum(bytes) as bytes, max(copy_ms) as ms
       from pgmove.copies where table_id = $1 and part > 0 and generation = $2
     ) p
     where head.table_id = $1 and head.part = 0 and head.generation = $2
       and head.state = 'copying' and p.done = head.part_count`,
    [item.oid, generation],
  );
  await target.query(`notify ${STATE_CHANNEL}`);
}
