import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
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

/** Applies what the source did, which has to be refused, and leave the target as it was. */
async function expectRefusal(
  pair: ApplyPair,
  sql: string,
  expected: { kind: string; message: RegExp },
): Promise<void> {
  const before = await rowsOf(pair.target, 'public.t');
  for (const isFlushed of [() => false, () => true]) {
    await pair.from.query(sql);
    await expect(pair.apply({ isFlushed })).rejects.toMatchObject({
      kind: expected.kind,
      message: expect.stringMatching(expected.message),
    });
    expect(await rowsOf(pair.target, 'public.t')).toEqual(before);
  }
}

const TABLE = {
  sql: 'create table t (id int primary key, v int, secret text)',
  rows: "insert into t select i, i, 'hidden' from generate_series(1, 10) i",
};

test('T64: an update or delete of a row that is not there stops, and names table, key and position', async () => {
  const pair = await makeApplyPair(from, into, TABLE);
  await pair.into.query('delete from t where id = 7');
  const gone = (what: string) => ({
    kind: 'diverged',
    message: new RegExp(
      `${what} public\\.t \\(id = 7\\) in transaction \\d+ ending at [0-9A-F]+/[0-9A-F]+: there is no such row`,
    ),
  });
  await expectRefusal(pair, 'update t set v = v + 1 where id > 5', gone('update of'));
  await expectRefusal(
    pair,
    "delete from t where id in (7, 8); insert into t values (7, 7, ''), (8, 8, '')",
    gone('delete from'),
  );
  await pair.close();
});

test('T64: an insert of a key that is there stops, and tells no value but the key', async () => {
  const pair = await makeApplyPair(from, into, {
    ...TABLE,
    sql: `${TABLE.sql}; create unique index other on t (v) where v > 100`,
  });
  await pair.into.query("insert into t values (11, 111, 'x')");
  await pair.from.query("insert into t values (11, 1, 'hidden'), (12, 12, 'hidden')");
  await expect(pair.apply()).rejects.toMatchObject({
    kind: 'diverged',
    message: expect.stringMatching(
      /^(?!.*hidden).*insert into public\.t \(id = 11\).*constraint t_pkey/,
    ),
  });
  await pair.from.query("insert into t values (13, 13, 'hidden'), (14, 111, 'hidden')");
  await expect(pair.apply()).rejects.toMatchObject({
    kind: 'diverged',
    message: expect.stringMatching(/^(?!.*hidden).*public\.t \(id = 14\).*constraint other/),
  });
  await pair.close();
});

test('a foreign key that the target has is not violated silently', async () => {
  const pair = await makeApplyPair(from, into, { ...TABLE, replicaRole: false });
  await pair.into.query('create table other (id int primary key)');
  await pair.into.query('alter table t add foreign key (v) references other not valid');
  await expectRefusal(pair, "insert into t values ((random() * 1e9)::int, 99, 'hidden')", {
    kind: 'diverged',
    message: /^(?!.*hidden).*constraint t_v_fkey/,
  });
  await pair.close();
});

test('T67: a column that only one side has stops the apply', async () => {
  const pair = await makeApplyPair(from, into, TABLE);
  await pair.from.query('alter table t add added int');
  await expectRefusal(pair, 'update t set v = v + 1', {
    kind: 'schemaChanged',
    message: /public\.t.*column added is not on the target/,
  });
  await pair.into.query('alter table t add added int, add missing int');
  await expectRefusal(pair, "insert into t values ((random() * 1e9)::int, 1, '')", {
    kind: 'schemaChanged',
    message: /public\.t.*inserted row has no value for the target's column missing/,
  });
  await expectRefusal(pair, 'update t set v = v + 1', {
    kind: 'schemaChanged',
    message: /updated row has no value for the target's column missing/,
  });
  await pair.from.query('alter table t add missing bigint');
  await expectRefusal(pair, 'update t set v = v + 1', {
    kind: 'schemaChanged',
    message: /column missing has another type/,
  });
  await pair.close();
});

test('T14: a change that does not say which row stops', async () => {
  const pair = await makeApplyPair(from, into, TABLE);
  await pair.from.query('update t set v = 0 where id = 1');
  const messages = (await pair.takeMessages()).map((message) =>
    message.action === 'U'
      ? { ...message, identity: undefined, identityValues: undefined }
      : message,
  );
  await expect(pair.apply({ messages })).rejects.toMatchObject({
    kind: 'diverged',
    message: expect.stringMatching(/no usable replica identity/),
  });
  await pair.close();
});

test('a value that the target refuses is not told', async () => {
  const pair = await makeApplyPair(from, into, TABLE);
  await pair.into.query("alter table t add check (secret <> 'bad')");
  await expectRefusal(pair, "update t set secret = 'bad' where id < 3", {
    kind: 'dataFailed',
    message:
      /^(?!.*bad).*update of public\.t \(id = 1\).*SQLSTATE 23514, constraint t_secret_check/,
  });
  await pair.close();
});

test('values of a changed secondary key that only their order permits are applied one by one', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: 'create table t (id int primary key, v int unique, secret text)',
    rows: "insert into t select i, i, '' from generate_series(1, 3) i",
  });
  await pair.from.query(`update t set v = 100 where id = 1; update t set v = 1 where id = 2;
    update t set v = 2 where id = 3; update t set v = 3 where id = 1`);
  const { counters } = await pair.apply();
  expect(counters).toMatchObject({ updates: 4, applied: 4, replays: 1 });
  expect(await rowsOf(pair.target, 'public.t')).toEqual(await rowsOf(pair.source, 'public.t'));
  await pair.close();
});
