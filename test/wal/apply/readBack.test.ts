import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { openReadBack } from '../../../shared/wal/apply/readBack.ts';
import { startTestCluster } from '../../pg/copy/copyPair.ts';
import { makeApplyPair, rowsOf } from './applyPair.ts';
import type { ApplyPair } from './applyPair.ts';

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  [from, into] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

async function expectEqual(pair: ApplyPair): Promise<void> {
  expect(await rowsOf(pair.target, 'public.t')).toEqual(await rowsOf(pair.source, 'public.t'));
}

const KEYED = 'create table t (id int primary key, n numeric not null, f float8, r real[])';

test('T4: NaN and infinities that wal2json 2.5 writes as null are read from the source', async () => {
  const pair = await makeApplyPair(from, into, { sql: KEYED });
  const readBack = openReadBack(pair.source);
  await pair.from.query(`insert into t values (1, 'NaN', 'Infinity', '{NaN,-Infinity}'),
    (2, 'Infinity', null, null), (3, '-Infinity', '-Infinity', null), (4, 1.50, 'NaN', null)`);
  const { readBackUntil } = await pair.apply({ readBack });
  await expectEqual(pair);
  // All was read as the transaction wrote it.
  expect(readBackUntil).toBeUndefined();
  await pair.from.query("update t set f = 'NaN' where id = 2");
  await pair.apply({ readBack });
  await pair.from.query("update t set id = 9, f = '-Infinity' where id = 1");
  expect((await pair.apply({ readBack })).readBackUntil).toBeUndefined();
  await expectEqual(pair);
  await pair.close();
});

test('T4: a value that changed since is right when the stream has passed the reading', async () => {
  const pair = await makeApplyPair(from, into, { sql: KEYED });
  const readBack = openReadBack(pair.source);
  await pair.from.query(
    "insert into t values (1, 'NaN', 'NaN'), (2, 'NaN', null), (3, 'NaN', 'NaN')",
  );
  const first = await pair.takeMessages();
  await pair.from.query(
    "update t set n = 2, f = 'Infinity' where id = 1; delete from t where id = 2",
  );
  await pair.from.query('update t set id = 4 where id = 3');
  const { readBackUntil } = await pair.apply({ readBack, messages: first });
  const { rows } = await pair.from.query<{ lsn: string }>(
    `select '${(readBackUntil ?? 0n) > 0n}' as lsn`,
  );
  expect(rows[0]?.lsn).toBe('true');
  expect(await rowsOf(pair.target, 'public.t')).toHaveLength(3);
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.close();
});

test('T4: rows without a key are found by what is known, and not guessed', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: 'create table t (id int, n numeric, f float8); alter table t replica identity full',
  });
  const readBack = openReadBack(pair.source);
  await pair.from.query(
    "insert into t values (1, 'NaN', 1), (2, null, 'Infinity'), (3, 1, 1), (1, 'NaN', 1)",
  );
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.from.query('update t set f = 2; delete from t where id = 1');
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.from.query("insert into t values (5, 'NaN', 1)");
  await pair.from.query("insert into t values (5, 'Infinity', 1)");
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.from.query("delete from t where n = 'Infinity'");
  await expect(pair.apply({ readBack })).rejects.toMatchObject({
    kind: 'diverged',
    message: expect.stringMatching(/several rows fit/),
  });
  await pair.close();
});

test('T4: a key that is NaN is found as long as only one row fits', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: 'create table t (id float8 primary key, v int)',
  });
  const readBack = openReadBack(pair.source);
  await pair.from.query('insert into t values (1, 1)');
  await pair.apply({ readBack });
  await pair.from.query("update t set id = 'NaN'");
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.from.query('update t set v = 2; insert into t values (3, 3)');
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.from.query("delete from t where id = 'NaN'");
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.close();
});

test('T4: many rows without a key are read at once', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table t (id int, m money, x text, b boolean, n numeric, f float8, j json);
          alter table t replica identity full`,
  });
  const readBack = openReadBack(pair.source);
  await pair.from
    .query(`insert into t select i, i, case when i % 3 = 0 then null else 'x"' || i end,
      i % 2 = 0, case i % 4 when 0 then 'NaN' when 1 then null else i::numeric end,
      case i % 5 when 0 then '-Infinity' when 1 then null else i::float8 end, '{"a": 1}'
    from generate_series(1, 5000) i`);
  const first = await pair.takeMessages();
  const { readBackUntil } = await pair.apply({ readBack, messages: first });
  expect(readBackUntil).toBeUndefined();
  await expectEqual(pair);
  await pair.from.query(
    "insert into t select i, 1, 'y', true, null, 'NaN', null from generate_series(1, 300) i",
  );
  const second = await pair.takeMessages();
  await pair.from.query(
    "update t set x = 'z' where x = 'y' and id < 100; delete from t where x = 'y' and id > 200",
  );
  expect((await pair.apply({ readBack, messages: second })).readBackUntil).toBeDefined();
  await pair.apply({ readBack });
  await expectEqual(pair);
  await pair.close();
});
