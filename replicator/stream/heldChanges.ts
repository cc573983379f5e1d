import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { PgSession } from '../../shared/pg/connect.ts';
import { formatLsn } from '../../shared/wal/lsn.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';
import type { ColumnSet, RowChange, Value } from '../../shared/wal/messages.ts';

/*
 * pgmove.held: changes of tables that are being copied, in the order of the stream. They are written
 * in the group's transaction, with COPY, and read again in chunks when the table is indexed.
 */

export type HeldChange = RowChange | { action: 'T' };

/** Written when this much has come together. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Changes read at a time; fewer where rows are large. */
const ROWS_PER_FETCH = 500;

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
  #lines: string[] = [];
  #bytes = 0;

  constructor(session: PgSession) {
    this.#session = session;
  }

  /** @returns whether it is time to write. */
  add(oid: number, at: { xid: number; endLsn: Lsn; seq: number }, change: HeldChange): boolean {
    const text = copyText(JSON.stringify(stored(change)));
    this.#lines.push(`${oid}\t${formatLsn(at.endLsn)}\t${at.seq}\t${at.xid}\t${text}\n`);
    this.#bytes += text.length;
    return this.#bytes >= MOST_BYTES;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    const sink = this.#session.client.query(
      copyFrom('copy pgmove.held (table_id, lsn, seq, xid, change) from stdin'),
    );
    await pipeline(Readable.from(blocksOf(lines)), sink);
  }
}

const BLOCK_LINES = 200;

function* blocksOf(lines: readonly string[]): Generator<Buffer> {
  for (let first = 0; first < lines.length; first += BLOCK_LINES) {
    yield Buffer.from(lines.slice(first, first + BLOCK_LINES).join(''));
  }
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
    ...(columns === undefined ? {} : { c: columns.names, o: columns.typeOids, v: values ?? [] }),
    ...(identity === undefined
      ? {}
      : { i: identity.names, p: identity.typeOids, w: identityValues ?? [] }),
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
  await session.query(
    `declare pgmove_held no scroll cursor for
     select lsn, seq, xid, change from pgmove.held where table_id = ${table.oid} order by lsn, seq`,
  );
  let count = ROWS_PER_FETCH;
  for (;;) {
    const { rows } = await session.query<Record<'lsn' | 'seq' | 'xid' | 'change', string>>(
      `fetch ${count} from pgmove_held`,
    );
    if (rows.length === 0) break;
    const bytes = rows.reduce((sum, { change }) => sum + change.length, 0);
    // Rows of 100 MB come one by one.
    count = bytes / rows.length > 64 * 1024 ? 1 : ROWS_PER_FETCH;
    yield rows.map(({ lsn, seq, xid, change }) => ({
      lsn,
      seq,
      xid: Number(xid),
      change: restored(JSON.parse(change) as Stored, change.length, table, columnSets),
    }));
  }
  await session.query('close pgmove_held');
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
      : { columns: setOf(held.c, held.o ?? []), values: [...(held.v ?? [])] }),
    ...(held.i === undefined
      ? {}
      : { identity: setOf(held.i, held.p ?? []), identityValues: [...(held.w ?? [])] }),
    bytes,
  };
}
