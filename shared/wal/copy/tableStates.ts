import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../../pg/connect.ts';
import { inTransaction } from '../../pg/transaction.ts';
import { tableLabel } from '../../pg/copy/batch.ts';
import type { CopyItem } from '../../pg/copy/batch.ts';
import type { CopyState } from '../../pg/copy/control.ts';

/*
 * The hand-shake between a copy and the stream, over the rows of pgmove.copies (part 0):
 *
 *   pending → starting   the copy asks: from now on hold the table's changes
 *   starting → copying   the stream answers: all that it dropped is visible on the source
 *   copying → done       the copy's transaction, with its rows, its snapshot and its LSN
 *   done → indexed       the table has its indexes and constraints
 *   indexed → ready      the stream has applied what it held
 *
 * Each `starting` raises the generation: what began under an older one is fenced off. Both sides
 * listen on the channel `pgmove`, and look at the rows now and then, so that a notification that is
 * lost costs only time.
 */

/** Channel on which both sides tell of a change in pgmove.copies. */
export const STATE_CHANNEL = 'pgmove';

export interface TableState {
  oid: number;
  state: CopyState;
  generation: number;
  partCount: number;
  /** Exported snapshot of a table that is copied in parts. */
  export: string | null;
  /** The snapshot's text and the LSN up to which it decides; set with `done`. */
  snapshot: string;
  lsn: string | null;
  /** An earlier copy has put rows into the table. */
  filled: boolean;
  rows: number;
  bytes: number;
  copyMs: number;
}

const COLUMNS = `table_id as oid, state, generation, part_count as "partCount", export, snapshot, lsn,
  filled, rows, bytes, copy_ms as "copyMs"`;

type Row = Record<
  'oid' | 'state' | 'generation' | 'partCount' | 'snapshot' | 'rows' | 'bytes' | 'copyMs',
  string
> & { export: string | null; lsn: string | null; filled: boolean };

function tableState(row: Row): TableState {
  return {
    oid: Number(row.oid),
    state: row.state as CopyState,
    generation: Number(row.generation),
    partCount: Number(row.partCount),
    export: row.export,
    snapshot: row.snapshot,
    lsn: row.lsn,
    filled: row.filled,
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    copyMs: Number(row.copyMs),
  };
}

/** The states of the given tables; with `lock` in the caller's transaction, to its end. */
export async function readTableStates(
  session: PgSession,
  oids: readonly number[],
  lock = false,
): Promise<Map<number, TableState>> {
  const { rows } = await session.query<Row>(
    `select ${COLUMNS} from pgmove.copies where table_id = any ($1::oid[]) and part = 0
     order by table_id ${lock ? 'for update' : ''}`,
    [oids],
  );
  return new Map(rows.map((row) => [Number(row.oid), tableState(row)]));
}

/** Rows are in, whatever is still to come. */
export function isFilled({ state }: Pick<TableState, 'state'>): boolean {
  return state === 'done' || state === 'indexed' || state === 'ready';
}

/**
 * Asks the stream to hold the changes of tables that are still to be copied. A table whose
 * hand-shake is under way is joined: two runs of the same copy go on with one.
 *
 * @param partCount Of the one table that is copied in parts; 0 otherwise.
 */
export async function requestCopy(
  session: PgSession,
  items: readonly CopyItem[],
  partCount = 0,
): Promise<void> {
  const oids = items.map(({ oid }) => oid);
  const toStart = (states: ReadonlyMap<number, TableState>) =>
    [...states.values()].filter((state) => {
      if (state.state === 'pending') return true;
      // The plan was made anew, with parts that do not fit those of the hand-shake.
      return !isFilled(state) && state.partCount !== partCount;
    });
  const seen = await readTableStates(session, oids);
  const missing = items.find(({ oid }) => !seen.has(oid));
  if (missing !== undefined) {
    throw new MigrationError('fenced', `Table ${tableLabel(missing)} is not in the plan.`);
  }
  // The lock below would wait for parts of the table that are being copied.
  if (toStart(seen).length === 0) return;
  await inTransaction(session, async () => {
    const pending = toStart(await readTableStates(session, oids, true));
    if (pending.length === 0) return;
    await startAgain(
      session,
      pending.map(({ oid }) => oid),
      partCount,
    );
  });
}

/** Another hand-shake, and what was held for the last one is void. The caller holds the rows' locks. */
export async function startAgain(
  session: PgSession,
  oids: readonly number[],
  partCount: number,
): Promise<void> {
  await session.query('delete from pgmove.held where table_id = any ($1::oid[])', [oids]);
  await session.query(
    `update pgmove.copies set state = 'starting', generation = generation + 1,
       part_count = $2, export = null, snapshot = '', lsn = null
     where table_id = any ($1::oid[]) and part = 0`,
    [oids, partCount],
  );
  await session.query(`notify ${STATE_CHANNEL}`);
}

/** Notes the copies whose rows the caller's transaction holds. */
export async function noteCopied(
  session: PgSession,
  copies: readonly { oid: number; rows: number; bytes: number; ms: number }[],
  seen: { snapshot: string; lsn: string },
): Promise<void> {
  await session.query(
    `update pgmove.copies c
     set state = 'done', snapshot = $5, lsn = $6::pg_lsn, filled = true, rows = n.rows,
       bytes = n.bytes, copy_ms = n.ms, finished_at = pg_catalog.clock_timestamp()
     from unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[]) n (oid, rows, bytes, ms)
     where c.table_id = n.oid and c.part = 0 and c.state = 'copying'`,
    [
      copies.map(({ oid }) => oid),
      copies.map(({ rows }) => rows),
      copies.map(({ bytes }) => bytes),
      copies.map(({ ms }) => Math.round(ms)),
      seen.snapshot,
      seen.lsn,
    ],
  );
}

/** The tables have their indexes: the stream may apply what it held. Idempotent. */
export async function noteIndexed(session: PgSession, oids: readonly number[]): Promise<void> {
  await session.query(
    `update pgmove.copies set state = 'indexed'
     where table_id = any ($1::oid[]) and part = 0 and state = 'done'`,
    [oids],
  );
  await session.query(`notify ${STATE_CHANNEL}`);
}

/** Every planned table is known to the stream; only new ones are added, and begin as pending. */
export async function writePlannedTables(
  session: PgSession,
  tables: readonly { oid: number; schema: string; name: string }[],
): Promise<void> {
  const oids = tables.map(({ oid }) => oid);
  await session.query(
    `insert into pgmove.tables (table_id, schema_name, table_name)
     select * from unnest($1::oid[], $2::text[], $3::text[])
     on conflict (table_id) do nothing`,
    [oids, tables.map(({ schema }) => schema), tables.map(({ name }) => name)],
  );
  await session.query(
    `insert into pgmove.copies (table_id, part, generation, snapshot, state)
     select oid, 0, 0, '', 'pending' from unnest($1::oid[]) oid
     on conflict (table_id, part) do nothing`,
    [oids],
  );
  await session.query(`notify ${STATE_CHANNEL}`);
}

/** Still to be copied under the hand-shake that this run took part in. */
export function isOpen(item: CopyItem, state: TableState | undefined, held: TableState): boolean {
  if (state !== undefined && isFilled(state)) return false;
  if (state?.state === 'copying' && state.generation === held.generation) return true;
  throw new MigrationError(
    'fenced',
    `The copy of table ${tableLabel(item)} (generation ${held.generation}) is out of date: another one ` +
      'has taken its place.',
  );
}
