import { setTimeout as delay } from 'node:timers/promises';
import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../../pg/connect.ts';
import { parseLsn } from '../lsn.ts';
import type { Lsn } from '../lsn.ts';
import type { Value } from '../messages.ts';
import type { Tuple } from '../tuple.ts';
import { isSeen, parseSnapshot } from '../visibility.ts';
import { ArrayLiteral } from './arrayLiteral.ts';
import { arrayParameters, joinSql, keySources, unnestSql } from './setStatements.ts';
import type { ApplyColumn, ApplyKey, ApplyTable } from './catalog.ts';
import { unsureSql } from './rowCondition.ts';

/*
 * wal2json before 2.6 writes NaN and the infinities of float4, float8 and numeric as null. What a
 * null stands for is read from the source. That is the present value: when the row was changed
 * again since, it is a value of the future, and the target is not consistent before the stream has
 * passed the moment of reading.
 */

export interface KeyedRead {
  table: ApplyTable;
  key: ApplyKey;
  keys: readonly Tuple[];
  /** The transaction that wrote the row last in the stream, per key. */
  xids: readonly number[];
  columns: readonly ApplyColumn[];
}

export interface WholeRowRead {
  table: ApplyTable;
  /** Columns whose values are known. */
  known: readonly ApplyColumn[];
  /** The known values of each row, and the transaction that wrote it last in the stream. */
  rows: readonly { values: readonly Value[]; xid: number }[];
  columns: readonly ApplyColumn[];
}

export interface ReadBack {
  /** The columns' present texts per key; undefined for a row that is gone. */
  read(request: KeyedRead): Promise<(Value[] | undefined)[]>;
  /**
   * The same for rows without a key, found by the columns that are known. One query, because it
   * reads the whole table, and a second one for rows that were changed again since.
   *
   * @throws MigrationError diverged when rows with different values fit.
   */
  readWhole(request: WholeRowRead): Promise<(Value[] | undefined)[]>;
  /**
   * The target is not consistent before the stream has passed this position. Undefined as long as
   * all values that were read were those of the stream's own transaction.
   */
  readonly until: Lsn | undefined;
}

/** Reads by a session of the source, outside of a transaction. */
export function openReadBack(source: PgSession, options: { signal?: AbortSignal } = {}): ReadBack {
  let until: Lsn | undefined;

  let isPrepared = false;

  /** A transaction is in the WAL, and may be in the stream, shortly before it is visible. */
  const waitUntilVisible = async (xids: ReadonlySet<number>): Promise<void> => {
    // As the stream's session has it, so that amounts of money have the same text.
    if (!isPrepared) await source.query("set lc_monetary = 'C'");
    isPrepared = true;
    const current =
      source.serverVersion >= 130000 ? 'pg_current_snapshot()' : 'txid_current_snapshot()';
    for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, 100)) {
      const { rows } = await source.query<{ snapshot: string }>(
        `select pg_catalog.${current}::text as snapshot`,
      );
      const snapshot = parseSnapshot(rows[0]?.snapshot ?? '');
      if ([...xids].every((xid) => isSeen(snapshot, xid))) return;
      await delay(waitMs, undefined, { signal: options.signal });
    }
  };

  /** After reading, so that all that was read is before it. */
  const raiseUntil = async (): Promise<void> => {
    const { rows } = await source.query<{ lsn: string }>(
      'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
    );
    until = parseLsn(rows[0]?.lsn ?? '');
  };

  return {
    get until() {
      return until;
    },

    async read({ table, key, keys, xids, columns }) {
      await waitUntilVisible(new Set(xids));
      const sources = keySources(key);
      const slots = keys.map((_key, slot) => slot);
      const arrays = arrayParameters({ text: '', sources }, { keys: [...keys], values: [] }, slots);
      const texts = columns.map(({ sql }) => `t.${sql}::text`).join(', ');
      const aliases = sources.map((_source, i) => `c${i}`).join(', ');
      const { rows } = await source.query<{ slot: string; xmin: string; texts: Value[] }>(
        `select u.slot, t.xmin::text as xmin, array[${texts}] as texts
         from only ${table.sql} t
         join ${unnestSql(sources, `with ordinality u (${aliases}, slot)`)}
           on ${joinSql(key, sources)}`,
        arrays,
      );
      const found: (Value[] | undefined)[] = keys.map(() => undefined);
      let isExact = rows.length === keys.length;
      for (const { slot, xmin, texts: present } of rows) {
        const index = Number(slot) - 1;
        found[index] = present;
        // A savepoint's own number is not the transaction's; that only costs waiting.
        isExact &&= Number(xmin) === (xids[index] ?? 0) >>> 0;
      }
      if (!isExact) await raiseUntil();
      return found;
    },

    async readWhole(request) {
      await waitUntilVisible(new Set(request.rows.map(({ xid }) => xid)));
      const slots = request.rows.map((_row, slot) => slot);
      const found = await findWhole(source, request, slots, true);
      const missing = slots.filter((slot) => found[slot] === undefined);
      if (missing.length === 0) return found;
      const others = await findWhole(source, request, missing, false);
      await raiseUntil();
      return found.map((texts, slot) => texts ?? others[slot]);
    },
  };
}

/** Of the chosen rows, by slot, the texts of those that the source has. */
async function findWhole(
  source: PgSession,
  { table, known, rows, columns }: WholeRowRead,
  slots: readonly number[],
  isOwn: boolean,
): Promise<(Value[] | undefined)[]> {
  const [slotList, xids, knownTexts] = [0, 1, 2].map(() => new ArrayLiteral(false, ','));
  for (const slot of slots) {
    const texts = new ArrayLiteral(false, ',');
    for (const value of rows[slot]?.values ?? []) texts.add(value);
    slotList?.add(String(slot));
    xids?.add(String((rows[slot]?.xid ?? 0) >>> 0));
    knownTexts?.add(texts.toString());
  }
  const conditions = [
    `u.known::text[] = array[${known.map(textSql).join(', ')}]::text[]`,
    ...columns.map((column) => unsureSql(column)),
    ...(isOwn ? ['t.xmin::text = u.xid'] : []),
  ];
  const result = await source.query<{ slot: number; texts: Value[] }>(
    `select distinct u.slot, array[${columns.map(textSql).join(', ')}]::text[] as texts
     from unnest($1::int4[], $2::text[], $3::text[]) u (slot, xid, known)
     join only ${table.sql} t on ${conditions.join(' and ')}`,
    [String(slotList), String(xids), String(knownTexts)],
  );
  const found: (Value[] | undefined)[] = rows.map(() => undefined);
  for (const { slot, texts } of result.rows) {
    if (found[slot] !== undefined) {
      throw new MigrationError(
        'diverged',
        `Rows of ${table.schema}.${table.name} differ only in null, NaN and infinity, which ` +
          'wal2json before 2.6 does not tell apart, and the table has no key. Use wal2json 2.6 ' +
          'or a primary key on the source.',
      );
    }
    found[slot] = texts;
  }
  return found;
}

/** As the type's output function writes it, and as the stream has it. */
function textSql({ sql }: ApplyColumn): string {
  return `case when t.${sql} is distinct from null then pg_catalog.format('%s', t.${sql}) end`;
}
