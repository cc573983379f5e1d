import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { openReadBack } from '../../../shared/wal/apply/readBack.ts';
import { startTestCluster } from '../../pg/copy/copyPair.ts';
import { makeApplyPair, rowsOf } from './applyPair.ts';

/*
 * The source executes random statements; whatever it makes of them, the target has to have the same
 * rows after each round, wherever the changes were cut into sets.
 */

const RUNS = Number(process.env['PGMOVE_APPLY_RUNS'] ?? 40);

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  [from, into] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

const SCHEMA_SQL = `
  create schema ext; create extension citext schema ext;
  create table plain (id int primary key, v int, t text);
  alter table plain alter t set storage external;
  create table two (a int, b text, v int, n numeric, primary key (a, b));
  create table keyless (id int, v numeric, t text);
  alter table keyless replica identity full;
  create table uniq (id int primary key, v int unique, w int);
  create table swap (id int primary key, v int unique deferrable initially deferred);
  create table late (id int primary key deferrable, v int);
  alter table late replica identity full;
  create table ci (id ext.citext primary key, v int);
  create table num (id numeric primary key, v float8);
  create table full_key (id int primary key, v int, t text);
  alter table full_key replica identity full; alter table full_key alter t set storage external;
  create table ident (u int primary key, id int generated always as identity, v int,
    g int generated always as (v * 2) stored);
  create table by_index (a int not null, b int not null, v int);
  create unique index by_index_key on by_index (b);
  alter table by_index replica identity using index by_index_key;
  create table parted (k int primary key, v int) partition by range (k);
  create table parted_1 partition of parted for values from (minvalue) to (5);
  create table parted_2 partition of parted for values from (5) to (maxvalue)`;

const TABLES =
  'plain two keyless uniq swap late ci num full_key ident by_index parted_1 parted_2'.split(' ');

type Statement = (x: number, y: number, z: number) => string;

/** Statements of x, y (0 to 6) and z (0 to 2); some fail, which is as good. */
const STATEMENTS: readonly (readonly Statement[])[] = [
  [
    (x, y, z) => `insert into plain values (${x}, ${y}, repeat('${z}', ${z * 2000}))`,
    (x, y) => `update plain set v = v + ${y} where id = ${x}`,
    (x, y, z) => `update plain set t = repeat('${y}', ${z * 2000}) where id = ${x}`,
    (x, y) => `update plain set id = ${y} where id = ${x}`,
    (x) => `delete from plain where id = ${x}`,
    () => 'update plain set id = id + 1',
    (_x, y) => `update plain set v = ${y}`,
    () => 'truncate plain',
    () => 'savepoint s',
    () => 'rollback to savepoint s',
  ],
  [
    (x, y, z) => `insert into two values (${x}, 'k${z}', ${y}, ${y}.${z}0)`,
    (x, y, z) => `update two set a = ${y} where a = ${x} and b = 'k${z}'`,
    (x, y, z) => `update two set b = 'k${z}', v = ${y} where a = ${x}`,
    (x, _y, z) =>
      `update two set n = (array['NaN', null, '1.50']::numeric[])[${z + 1}] where a = ${x}`,
    (x) => `delete from two where a = ${x}`,
    () => 'truncate two, keyless',
    () => 'savepoint s',
    () => 'rollback to savepoint s',
  ],
  [
    (x, y, z) =>
      `insert into keyless select ${x % 3}, ${y}.${'0'.repeat(z + 1)}, 't' from generate_series(0, ${z})`,
    (x, y) =>
      `update keyless set v = ${y} where ctid = (select ctid from keyless where id = ${x % 3} limit 1)`,
    (x) => `update keyless set t = null where id = ${x % 3}`,
    (x) => `delete from keyless where ctid = (select max(ctid) from keyless where id = ${x % 3})`,
    () => 'truncate keyless',
  ],
  [
    (x, y) => `insert into uniq values (${x}, ${y}, 0)`,
    (x, y) => `update uniq set v = ${y} where id = ${x}`,
    (x, y) => `update uniq set id = ${y} where v = ${x}`,
    (x) => `delete from uniq where v = ${x}`,
    (_x, y, z) => `update uniq set v = null, w = ${y} where v = ${z}`,
    () => 'truncate uniq, swap',
  ],
  [
    (x, y) => `insert into swap values (${x}, ${y})`,
    () => 'update swap set v = 9 - v',
    (x, y) => `delete from swap where id in (${x}, ${y})`,
  ],
  [
    (x, y) => `insert into late values (${x}, ${y})`,
    () => 'update late set id = 9 - id',
    (x) => `update late set v = v + 1 where id > ${x}`,
    (x) => `delete from late where id = ${x}`,
  ],
  [
    (x, y, z) => `insert into ci values ('${'aAbB'[x % 4]}${z}', ${y})`,
    (x, y, z) => `update ci set id = '${'aAbB'[y % 4]}${z}' where id = '${'aAbB'[x % 4]}${z}'`,
    (x, y, z) => `update ci set v = ${y} where id = '${'aAbB'[x % 4]}${z}'`,
    (x, _y, z) => `delete from ci where id = '${'aAbB'[x % 4]}${z}'`,
    () => 'savepoint s',
    () => 'rollback to savepoint s',
  ],
  [
    (x, y, z) => `insert into num values (${x % 4}.${'0'.repeat(z + 1)}, ${y})`,
    (x, _y, z) => `update num set id = ${x % 4}.${'0'.repeat(z + 1)} where id = ${x % 4}`,
    (x, y, z) =>
      `update num set v = (array['-Infinity', '-0', null]::float8[])[${z + 1}] where id in (${x}, ${y})`,
    (x) => `delete from num where id = ${x % 4}`,
  ],
  [
    (x, y, z) => `insert into full_key values (${x}, ${y}, repeat('${y}', ${z * 3000}))`,
    (x, y) => `update full_key set v = ${y} where id >= ${x}`,
    (x, y) => `update full_key set id = ${y} where id = ${x}`,
    (x) => `delete from full_key where id = ${x}`,
    () => 'savepoint s',
    () => 'rollback to savepoint s',
  ],
  [
    (x, y) => `insert into ident (u, v) values (${x}, ${y})`,
    (x, y) => `update ident set v = ${y} where u = ${x}`,
    (x) => `update ident set id = default where u = ${x}`,
    (x, y) => `update ident set u = ${y} where u = ${x}`,
    (x) => `delete from ident where u = ${x}`,
  ],
  [
    (x, y, z) => `insert into by_index values (${x}, ${y}, ${z})`,
    (x, y) => `update by_index set b = ${y} where b = ${x}`,
    (x, y) => `update by_index set a = ${y} where b = ${x}`,
    (x) => `delete from by_index where b = ${x}`,
  ],
  [
    (x, y) => `insert into parted values (${x}, ${y})`,
    (x, y) => `update parted set k = ${y} where k = ${x}`,
    (x) => `delete from parted where k = ${x}`,
    () => 'truncate parted',
  ],
];

const transaction = fc.record({
  // Changes of few tables meet each other more often.
  table: fc.nat({ max: STATEMENTS.length - 1 }),
  statements: fc.array(
    fc.record({
      which: fc.nat({ max: 59 }),
      x: fc.nat({ max: 6 }),
      y: fc.nat({ max: 6 }),
      z: fc.nat({ max: 2 }),
    }),
    { maxLength: 25 },
  ),
  isOne: fc.boolean(),
});

const round = fc.record({
  transactions: fc.array(transaction, { minLength: 1, maxLength: 12 }),
  flushes: fc.infiniteStream(fc.nat({ max: 30 })),
  maxPendingChanges: fc.constantFrom(1, 3, 20, 20_000, 20_000),
});

test('random changes merged and sent as sets leave the rows that the source has', async () => {
  const pair = await makeApplyPair(from, into, { sql: SCHEMA_SQL });
  await pair.from.query('set search_path = public, ext');
  // Each round goes on from where the one before ended, which a smaller counterexample cannot.
  await fc.assert(
    fc.asyncProperty(round, async ({ transactions, flushes, maxPendingChanges }) => {
      for (const { table, statements, isOne } of transactions) {
        if (isOne) await pair.from.query('begin');
        for (const { which, x, y, z } of statements) {
          const choices = STATEMENTS[table] ?? [];
          const text = choices[which % choices.length]?.(x, y, z) ?? '';
          if (!isOne) await pair.from.query(text).catch(() => undefined);
          else await tryInTransaction(text, (sql) => pair.from.query(sql));
        }
        if (isOne) await pair.from.query('commit').catch(() => undefined);
      }
      const messages = await pair.takeMessages();
      const { counters } = await pair.apply({
        messages,
        readBack: openReadBack(pair.source),
        maxPendingChanges,
        isFlushed: () => flushes.next().value === 0,
      });
      // Only a second unique constraint can make the order of a set wrong.
      const hasUniq = messages.some((message) => 'table' in message && message.table === 'uniq');
      if (!hasUniq) expect(counters.replays).toBe(0);
      for (const table of TABLES) {
        expect([table, ...(await rowsOf(pair.target, `public.${table}`))]).toEqual([
          table,
          ...(await rowsOf(pair.source, `public.${table}`)),
        ]);
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  await pair.close();
});

/** A statement that fails must not end the transaction. */
async function tryInTransaction(
  text: string,
  query: (sql: string) => Promise<unknown>,
): Promise<void> {
  await query('savepoint try');
  try {
    await query(text);
  } catch {
    await query('rollback to savepoint try');
  }
}
