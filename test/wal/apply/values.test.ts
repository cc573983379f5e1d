import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { startTestCluster } from '../../pg/copy/copyPair.ts';
import { makeApplyPair, rowsOf } from './applyPair.ts';

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  [from, into] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

test('inserts, updates and deletes of the same rows leave what the source has', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: 'create table t (id int primary key, a text, b int)',
    rows: "insert into t select i, 'a' || i, i from generate_series(1, 100) i",
  });
  await pair.from.query('update t set b = b + 1');
  await pair.from.query("update t set a = 'x' where id % 3 = 0");
  await pair.from.query('delete from t where id % 5 = 0');
  await pair.from.query("insert into t values (5, 'again', 1), (200, 'new', 2)");
  await pair.from.query('update t set id = id + 1000 where id > 90');
  const { counters } = await pair.apply();
  expect(await rowsOf(pair.target, 'public.t')).toEqual(await rowsOf(pair.source, 'public.t'));
  expect(counters.inserts).toBe(2);
  expect(counters.deletes).toBe(20);
  await pair.close();
});
