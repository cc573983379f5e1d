import { MigrationError } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { STATE_CHANNEL } from '../../shared/wal/copy/tableStates.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import type { Group } from './group.ts';
import { applyTableOf, isSeenByCopy } from './group.ts';
import { readHeld } from './heldChanges.ts';
import type { StreamTable } from './tableBook.ts';

/** One transaction replays about this much, so that the stream of the other tables goes on between. */
const MOST_CHANGES = 20_000;
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Applies what was held of an indexed table, in the order of the stream: one chunk in a transaction,
 * with the last one the table becomes ready. Changes that the copy's snapshot sees are skipped.
 *
 * @returns whether the table is ready.
 */
export async function replayHeld(
  session: PgSession,
  group: Group,
  table: StreamTable,
  failPoint?: (name: string) => void | Promise<void>,
): Promise<boolean> {
  let isReady = false;
  await group.alone(async (applier) => {
    let [changes, bytes] = [0, 0];
    let last: { lsn: string; seq: string } | undefined;
    let isComplete = true;
    for await (const rows of readHeld(session, table)) {
      for (const { lsn, seq, xid, change } of rows) {
        const at = { xid, endLsn: parseLsn(lsn) };
        changes += 1;
        last = { lsn, seq };
        if (isSeenByCopy(table, at)) continue;
        if (change.action === 'T') {
          await applier.truncate([applyTableOf(table)]);
        } else {
          bytes += change.bytes;
          await applier.add(applyTableOf(table), change, at);
        }
      }
      // The next rows are read on the session that applies these.
      await applier.settle();
      if (changes >= MOST_CHANGES || bytes >= MOST_BYTES) {
        isComplete = false;
        break;
      }
    }
    await applier.flush();
    await failPoint?.('midReplay');
    if (last !== undefined) {
      await session.query(
        'delete from pgmove.held where table_id = $1 and (lsn, seq) <= ($2::pg_lsn, $3::bigint)',
        [table.oid, last.lsn, last.seq],
      );
    }
    if (!isComplete) return;
    const { rowCount } = await session.query(
      `update pgmove.copies set state = 'ready'
       where table_id = $1 and part = 0 and state = 'indexed' and generation = $2`,
      [table.oid, table.generation],
    );
    if (rowCount !== 1) {
      throw new MigrationError(
        'fenced',
        `The copy of ${table.schema}.${table.name} was set back while its changes were replayed.`,
      );
    }
    await session.query(`notify ${STATE_CHANNEL}`);
    isReady = true;
  });
  if (isReady) {
    table.state = 'ready';
    await failPoint?.('afterReady');
  }
  return isReady;
}
