import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { copyBatch } from '../../../shared/pg/copy/copyBatch.ts';
import { holdSnapshot } from '../../../shared/pg/copy/snapshot.ts';
import {
  batchOptions,
  contentOf,
  endpointOf,
  everything,
  makePair,
  planPair,
  startTestCluster,
  withSnapshot,
} from './copyPair.ts';

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  const settings = { max_locks_per_transaction: '10', max_connections: '20', max_wal_senders: '2' };
  [from, into] = await Promise.all([startTestCluster({ settings }), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

const options = {
  filter: everything,
  applicationName: 'pgmove/test/snapshot',
  signal: new AbortController().signal,
};

test('what is written after the snapshot is not copied, from any table', async () => {
  const pair = await makePair(from, into, {
    sql: 'create table a (x int); create table b (x int)',
    rows: 'insert into a values (1); insert into b values (1)',
  });
  const { batches } = await planPair(pair);
  await withSnapshot(pair.source, async ({ snapshot }) => {
    await pair.from.query('insert into a values (2); delete from b');
    await copyBatch(batchOptions(pair, batches[0]!, snapshot));
  });
  expect(await contentOf(pair.into, 'a')).toEqual(['{"x": 1}']);
  expect(await contentOf(pair.into, 'b')).toEqual(['{"x": 1}']);
  await pair.close();
});

test('T42: tables are locked before the snapshot, so that TRUNCATE and rewrites wait for its end', async () => {
  const pair = await makePair(from, into, { sql: 'create table a (x int)' });
  await withSnapshot(pair.source, async () => {
    await pair.from.query("set lock_timeout = '50ms'");
    await expect(pair.from.query('truncate a')).rejects.toMatchObject({ code: '55P03' });
    await expect(pair.from.query('alter table a add y int')).rejects.toMatchObject({
      code: '55P03',
    });
  });
  await pair.from.query('truncate a');
  await pair.close();
});

test('T42: a table that is created while locks are waited for is locked too', async () => {
  const pair = await makePair(from, into, { sql: 'create table a (x int)' });
  await pair.from.query('begin; lock table a in access exclusive mode; create table b (x int)');
  const holding = holdSnapshot(pair.source, options);
  const watcher = await from.connect(pair.source.database);
  const isWaiting = async () =>
    (await watcher.query('select from pg_locks where not granted')).rowCount! > 0;
  while (!(await isWaiting()));
  await pair.from.query('commit');
  const held = await holding;
  const { rows } = await watcher.query(
    `select relation::regclass::text as name from pg_locks
     where pid = $1 and relation::regclass::text in ('a', 'b') order by 1`,
    [held.backendPid],
  );
  expect(rows).toEqual([{ name: 'a' }, { name: 'b' }]);
  await held.release();
  await watcher.end();
  await pair.close();
});

test('a table that stays locked is named', async () => {
  const pair = await makePair(from, into, { sql: 'create table "Busy" (x int)' });
  await pair.from.query('begin; lock table "Busy"');
  await expect(holdSnapshot(pair.source, { ...options, lockWaitMs: 0 })).rejects.toMatchObject({
    kind: 'lockTimeout',
    message: expect.stringMatching(/public\.Busy \(process \d+\)/),
  });
  await pair.close();
});

test('a table that the user may not read is told with what to do', async () => {
  await from.run('create role nobody_much login');
  const pair = await makePair(from, into, { sql: 'create table hidden (x int)' });
  const source = endpointOf(from, pair.source.database, 'nobody_much');
  await expect(holdSnapshot(source, options)).rejects.toMatchObject({
    kind: 'permissionDenied',
    message: expect.stringMatching(/hidden.*Grant SELECT/),
  });
  const held = await holdSnapshot(source, {
    ...options,
    filter: { include: [], exclude: ['hidden'] },
  });
  await held.release();
  await pair.close();
});

test('T74: too many tables for the lock table: the message has the setting to raise', async () => {
  const pair = await makePair(from, into);
  for (let first = 0; first < 3000; first += 100) {
    const ddl = Array.from({ length: 100 }, (_, index) => `create table t${first + index} ()`);
    await pair.from.query(ddl.join(';'));
  }
  await expect(holdSnapshot(pair.source, options)).rejects.toMatchObject({
    kind: 'resourceExhausted',
    message: expect.stringMatching(/max_locks_per_transaction from 10 to at least \d{3}/),
  });
  await pair.close();
});

test('the signal ends the waiting for locks', async () => {
  const pair = await makePair(from, into, { sql: 'create table a (x int)' });
  await pair.from.query('begin; lock table a');
  const abort = new AbortController();
  const holding = holdSnapshot(pair.source, { ...options, signal: abort.signal });
  const watcher = await from.connect(pair.source.database);
  while ((await watcher.query('select from pg_locks where not granted')).rowCount === 0);
  abort.abort();
  await expect(holding).rejects.toThrow();
  await watcher.end();
  await pair.close();
});

test('T41: release is no loss, and lets the oldest xmin of the source go', async () => {
  const pair = await makePair(from, into);
  const held = await holdSnapshot(pair.source, options);
  let isLost = false;
  void held.lost.then(() => (isLost = true));
  const holders = async () => {
    const { rows } = await pair.from.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and backend_xmin is not null and pid <> pg_backend_pid()`,
    );
    return rows[0]?.n;
  };
  expect(await holders()).toBe(1);
  await held.release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isLost).toBe(false);
  await vi.waitFor(async () => expect(await holders()).toBe(0));
  await pair.close();
});
