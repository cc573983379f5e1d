import { setTimeout as delay } from 'node:timers/promises';
import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../../pg/connect.ts';
import { parseLsn } from '../lsn.ts';
import type { Lsn } from '../lsn.ts';
import type { Value } from '../messages.ts';
import { isSeen, parseSnapshot } from '../visibility.ts';
import { arrayParameters, joinSql, keySources, unnestSql } from './setStatements.ts';
import type { ApplyColumn, ApplyKey, ApplyTable } from './catalog.ts';
import { Parameters } from './parameters.ts';
import { equalSql, unsureSql } from './rowCondition.ts';

/*
 * wal2json before 2.6 writes NaN and the infinities of float4, float8 and numeric as null. What a
 * null stands for is read from the source. That is the present value: when the row was changed
 * again since, it is a value of the future, and the target is not consistent before the stream has
 * passed the moment of reading.
 */

export interface KeyedRead {
  table: ApplyTable;
  key: ApplyKey;
  keys: readonly (readonly Value[])[];
  /** The transaction that wrote the row last in the stream, per key. */
  xids: readonly number[];
  columns: readonly ApplyColumn[];
}

export interface WholeRowRead {
  table: ApplyTable;
  /** Columns whose value is known. */
  known: readonly { column: ApplyColumn; value: Value }[];
  xid: number;
  columns: readonly ApplyColumn[];
}

export interface ReadBack {
  /** The columns' present texts per key; undefined for a row that is gone. */
  read(request: KeyedRead): Promise<(Value[] | undefined)[]>;
  /**
   * The same for a row without a key, found by the columns that are known; undefined when there is
   * none any more.
   *
   * @throws MigrationError diverged when rows with different values fit.
   */
  readWhole(request: WholeRowRead): Promise<Value[] | undefined>;
  /**
   * The target is not consistent before the stream has passed this position. Undefined as long as
   * all values that were read were those of the stream's own transaction.
   */
  readonly until: Lsn | undefined;
}

/** Reads by a session of the source, outside of a transaction. */
export function openReadBack(source: PgSession, options: { signal?: AbortSignal } = {}): ReadBack {
  let until: Lsn | undefined;

  /** A transaction is in the WAL, and may be in the stream, shortly before it is visible. */
  const waitUntilVisible = async (xids: ReadonlySet<number>): Promise<void> => {
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

    async readWhole({ table, known, xid, columns }) {
      await waitUntilVisible(new Set([xid]));
      const parameters = new Parameters();
      const conditions = [
        ...known.map(({ column, value }) => equalSql(column, value, parameters)),
        ...columns.map((column) => unsureSql(column)),
      ];
      const texts = columns.map(({ sql }) => `t.${sql}::text`).join(', ');
      const { rows } = await source.query<{ is_own: boolean; texts: Value[] }>(
        `select distinct t.xmin::text::bigint = ${xid >>> 0} as is_own, array[${texts}] as texts
         from only ${table.sql} t where ${conditions.join(' and ')}`,
        parameters.values,
      );
      const own = rows.filter(({ is_own }) => is_own);
      const candidates = own.length > 0 ? own : rows;
      if (own.length === 0) await raiseUntil();
      if (candidates.length > 1) {
        throw new MigrationError(
          'diverged',
          `Rows of ${table.schema}.${table.name} differ only in null, NaN and infinity, which ` +
            'wal2json before 2.6 does not tell apart, and the table has no key. Use wal2json 2.6 ' +
            'or a primary key on the source.',
        );
      }
      return candidates[0]?.texts;
    },
  };
}
