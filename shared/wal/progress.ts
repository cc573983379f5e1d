import { MigrationError } from '../errors/migrationError.ts';
import type { PgSession } from '../pg/connect.ts';
import { inTransaction } from '../pg/transaction.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { Lsn } from './lsn.ts';

/*
 * pgmove.progress on the target: how far the stream is applied, in the transaction that applied it.
 * `epoch` fences the replicator off: each one that takes over raises it, and writes of an older one
 * find no row.
 *
 * One position is enough because groups are committed one after the other, in the order in which the
 * source committed them: whoever begins again begins exactly behind it. An apply by several sessions
 * would have to keep, beside it, what is committed beyond it.
 *
 * What is applied carries no replication origin: nothing streams from the target back to the source.
 * A way back would need one (or a message in each group), or changes would go in circles.
 */

export interface StreamProgress {
  generation: number;
  slot: string;
  /** The slot's own snapshot, as text. */
  slotSnapshot: string;
  consistentPoint: Lsn;
  systemIdentifier: string;
  timeline: number;
  /** Everything up to here is applied, held or dropped. */
  lsn: Lsn;
  epoch: string;
  /** Transactions that were processed and not yet seen visible on the source; 32-bit ids. */
  unconfirmed: number[];
  /** Values were read back from the source as they were here (wal2json before 2.6). */
  readBackLsn: Lsn | undefined;
}

interface Row {
  generation: string;
  slot: string;
  slotSnapshot: string;
  consistentPoint: string;
  systemIdentifier: string;
  timeline: number;
  lsn: string;
  epoch: string;
  unconfirmed: string[];
  readBackLsn: string | null;
}

const COLUMNS = `generation, slot, slot_snapshot as "slotSnapshot",
  consistent_point as "consistentPoint", system_identifier as "systemIdentifier", timeline, lsn,
  epoch, unconfirmed, read_back_lsn as "readBackLsn"`;

function progressOf(row: Row): StreamProgress {
  return {
    generation: Number(row.generation),
    slot: row.slot,
    slotSnapshot: row.slotSnapshot,
    consistentPoint: parseLsn(row.consistentPoint),
    systemIdentifier: row.systemIdentifier,
    timeline: row.timeline,
    lsn: parseLsn(row.lsn),
    epoch: row.epoch,
    unconfirmed: row.unconfirmed.map(Number),
    readBackLsn: row.readBackLsn === null ? undefined : parseLsn(row.readBackLsn),
  };
}

/** @throws MigrationError fenced when no stream was begun. */
export async function readProgress(session: PgSession): Promise<StreamProgress> {
  const progress = await findProgress(session);
  if (progress !== undefined) return progress;
  throw new MigrationError('fenced', 'No stream was begun for the target database.');
}

export async function findProgress(session: PgSession): Promise<StreamProgress | undefined> {
  const { rows } = await session.query<Row>(`select ${COLUMNS} from pgmove.progress`);
  return rows[0] && progressOf(rows[0]);
}

export interface NewStream {
  generation: number;
  slot: string;
  slotSnapshot: string;
  consistentPoint: Lsn;
  systemIdentifier: string;
  timeline: number;
}

/**
 * Begins with a new slot: what an older one brought is void, so every table is to be copied again.
 * Idempotent for the same generation.
 */
export async function beginProgress(session: PgSession, stream: NewStream): Promise<void> {
  await inTransaction(session, async () => {
    await session.query('lock table pgmove.progress in exclusive mode');
    const known = await findProgress(session);
    if (known !== undefined && known.generation >= stream.generation) {
      throw new MigrationError(
        'fenced',
        `A stream of generation ${known.generation} was begun already.`,
      );
    }
    // With the next epoch: who still reads the older slot must not write into the new row.
    await session.query('delete from pgmove.progress');
    await session.query('delete from pgmove.held');
    await session.query('delete from pgmove.copies where part > 0');
    await session.query(
      `update pgmove.copies set state = 'pending', generation = generation + 1, export = null,
         snapshot = '', lsn = null`,
    );
    await session.query(
      `insert into pgmove.progress (generation, slot, slot_snapshot, consistent_point,
         system_identifier, timeline, lsn, epoch)
       values ($1, $2, $3, $4::pg_lsn, $5, $6, $4::pg_lsn, $7::bigint + 1)`,
      [
        stream.generation,
        stream.slot,
        stream.slotSnapshot,
        formatLsn(stream.consistentPoint),
        stream.systemIdentifier,
        stream.timeline,
        known?.epoch ?? 0,
      ],
    );
  });
}

/** Takes over: from now on the writes of whoever applied before find no row. */
export async function takeOver(session: PgSession, generation: number): Promise<StreamProgress> {
  const { rows } = await session.query<Row>(
    `update pgmove.progress set epoch = epoch + 1 where generation = $1 returning ${COLUMNS}`,
    [generation],
  );
  if (rows[0] !== undefined) return progressOf(rows[0]);
  throw new MigrationError('fenced', `There is no stream of generation ${generation}.`);
}
