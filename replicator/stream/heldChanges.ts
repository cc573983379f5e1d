import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { PgSession } from '../../shared/pg/connect.ts';
import { formatLsn } from '../../shared/wal/lsn.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';
import type { ColumnSet, RowChange, Value } from '../../shared/wal/messages.ts';
import { TextTuple } from '../../shared/wal/tuple.ts';

/*
 * pgmove.held: changes of tables that are being copied, in the order of the stream. They are written
 * in the group's transaction, with COPY, and read again in chunks when the table is indexed.
 */

export type HeldChange = RowChange | { action: 'T' };

/** Written when this much has come together. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Read at a time: so many changes, or as many as there are in so many bytes and one more. */
const ROWS_PER_READ = 500;
const BYTES_PER_READ = 4 * 1024 * 1024;

interface Stored {
  a: 'I' | 'U' | 'D' | 'T';
  /** Names, type oids and values of the columns, then of the identity. */
  c?: readonly string[];
  o?: readonly number[];
  v?: readonly Value[];
  i?: readonly string[];
  p?: readonly number[];
  w?: readonly Value[];
}

/** Collects what is to be held, until the group writes it. */
export class HeldWriter {
  readonly #session: PgSession;
  /** Lines, in pieces: what is large is not put together once more. */
  #pieces: string[] = [];
  #bytes = 0;

  constructor(session: PgSession) {
    this.#session = session;
  }

  /** @returns whether it is time to write. */
  add(oid: number, at: { xid: number; endLsn: Lsn; seq: number }, change: HeldChange): boolean {
    const text = copyText(JSON.stringify(stored(change)));
    this.#pieces.push(`${oid}\t${formatLsn(at.endLsn)}\t${at.seq}\t${at.xid}\t`, text, '\n');
    this.#bytes += text.length;
    return this.#bytes >= MOST_BYTES;
  }

  async flush(): Promise<void> {
    if (this.#pieces.length === 0) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    const sink = this.#session.client.query(
      copyFrom('copy pgmove.held (table_id, lsn, seq, xid, change) from stdin'),
    );
    await pipeline(Readable.from(blocksOf(pieces)), sink);
  }
}

/** Characters that are sent at a time. */
const BLOCK_LENGTH = 256 * 1024;

function* blocksOf(pieces: readonly string[]): Generator<Buffer> {
  let block = '';
  for (const piece of pieces) {
    if (block.length + piece.length <= BLOCK_LENGTH) {
      block += piece;
      continue;
    }
    if (block !== '') yield Buffer.from(block);
    block = '';
    let start = 0;
    while (piece.length - start > BLOCK_LENGTH) {
      // A pair of surrogates is one character.
      const cut = start + BLOCK_LENGTH;
      const end = isHighSurrogate(piece.charCodeAt(cut - 1)) ? cut - 1 : cut;
      yield Buffer.from(piece.slice(start, end));
      start = end;
    }
    block = start === 0 ? piece : piece.slice(start);
  }
  if (block !== '') yield Buffer.from(block);
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** JSON text holds no control characters: only the backslash means something to COPY. */
function copyText(json: string): string {
  return json.includes('\\') ? json.replaceAll('\\', '\\\\') : json;
}

function stored(change: HeldChange): Stored {
  if (change.action === 'T') return { a: 'T' };
  const { action, columns, values, identity, identityValues } = change;
  return {
    a: action,
    ...(columns === undefined
      ? {}
      : { c: columns.names, o: columns.typeOids, v: values?.texts() ?? [] }),
    ...(identity === undefined
      ? {}
      : { i: identity.names, p: identity.typeOids, w: identityValues?.texts() ?? [] }),
  };
}

export interface HeldRow {
  lsn: string;
  seq: string;
  xid: number;
  change: HeldChange;
}

/** Reads a table's held changes in order, a few at a time; to be used in a transaction. */
export async function* readHeld(
  session: PgSession,
  table: { oid: number; schema: string; name: string },
): AsyncGenerator<HeldRow[]> {
  const columnSets = new Map<string, ColumnSet>();
  let [lsn, seq] = ['0/0', '0'];
  for (;;) {
    // The length of a value that is stored out of line is known without reading it.
    const { rows } = await session.query<Record<'lsn' | 'seq' | 'xid' | 'change', string>>(
      `select lsn, seq, xid, change
       from (
         select lsn, seq, xid, change,
           sum(octet_length(change)) over (order by lsn, seq) - octet_length(change) as before
         from (
           select lsn, seq, xid, change from pgmove.held
           where table_id = $1 and (lsn, seq) > ($2::pg_lsn, $3::bigint)
           order by lsn, seq limit ${ROWS_PER_READ}
         ) next
       ) measured
       where before <= ${BYTES_PER_READ} order by lsn, seq`,
      [table.oid, lsn, seq],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    [lsn, seq] = [last.lsn, last.seq];
    yield rows.map((row) => ({
      lsn: row.lsn,
      seq: row.seq,
      xid: Number(row.xid),
      change: restored(JSON.parse(row.change) as Stored, row.change.length, table, columnSets),
    }));
  }
}

function restored(
  held: Stored,
  bytes: number,
  table: { schema: string; name: string },
  columnSets: Map<string, ColumnSet>,
): HeldChange {
  if (held.a === 'T') return { action: 'T' };
  const setOf = (names: readonly string[], typeOids: readonly number[]): ColumnSet => {
    const key = JSON.stringify([names, typeOids]);
    const known = columnSets.get(key) ?? { names, typeOids };
    columnSets.set(key, known);
    return known;
  };
  return {
    action: held.a,
    schema: table.schema,
    table: table.name,
    ...(held.c === undefined
      ? {}
      : { columns: setOf(held.c, held.o ?? []), values: new TextTuple(held.v ?? []) }),
    ...(held.i === undefined
      ? {}
      : { identity: setOf(held.i, held.p ?? []), identityValues: new TextTuple(held.w ?? []) }),
    bytes,
  };
}
