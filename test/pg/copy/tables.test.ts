import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import {
  createControlSchema,
  dropControlSchema,
  isStepDone,
  markStep,
  readControl,
} from '../../../shared/pg/copy/control.ts';
import { foreignKeysToExcluded } from '../../../shared/pg/copy/foreignKeys.ts';
import { listTables } from '../../../shared/pg/copy/tables.ts';
import {
  contentOf,
  copyAll,
  everything,
  makePair,
  planPair,
  startTestCluster,
  withSession,
} from './copyPair.ts';

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  [from, into] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

test('only tables with rows of their own are listed', async () => {
  const pair = await makePair(from, into, {
    sql: `create table t (a int, b int generated always as (1) stored, c text collate "C");
          alter table t drop column c; alter table t add d numeric(5, 2);
          create view v as select 1 as a; create materialized view m as select 1 as a;
          create table p (k int) partition by list (k);
          create table leaf partition of p default;
          create schema "Odd.one"; create table "Odd.one"."T x" (a int);
          create schema pgmove_not; create table pgmove_not.t (a int);
          create temporary table gone (a int); create type pt as (a int); create sequence s`,
  });
  const tables = await withSession(pair.source, (session) => listTables(session, everything));
  expect(tables.map(({ schema, name }) => `${schema}.${name}`).toSorted()).toEqual([
    'Odd.one.T x',
    'pgmove_not.t',
    'public.leaf',
    'public.t',
  ]);
  expect(tables.find(({ schema, name }) => schema === 'public' && name === 't')).toMatchObject({
    columns: [
      { name: 'a', typeName: 'integer', identity: '' },
      { name: 'd', typeName: 'numeric(5,2)' },
    ],
  });
  // The schema pgmove itself, on the target's side of another migration, is never copied.
  expect(
    await withSession(pair.target, async (session) =>
      (await listTables(session, everything)).filter(({ schema }) => schema === 'pgmove'),
    ),
  ).toEqual([]);
  await pair.close();
});

test('patterns: a partitioned table stands for its leaves, exclusion wins, keys to excluded tables are told', async () => {
  const pair = await makePair(from, into, {
    sql: `create schema app;
          create table app.orders (id int primary key, k int) partition by hash (id);
          create table app.o1 partition of app.orders for values with (modulus 2, remainder 0);
          create table app.o2 partition of app.orders for values with (modulus 2, remainder 1);
          create table app.customer (id int primary key);
          create table app.note (id int, customer int references app.customer);
          create table orders (id int)`,
  });
  const names = (include: string[], exclude: string[]) =>
    withSession(pair.source, async (session) =>
      (await listTables(session, { include, exclude }))
        .map((t) => `${t.schema}.${t.name}`)
        .toSorted(),
    );
  expect(await names(['app.orders'], [])).toEqual(['app.o1', 'app.o2']);
  expect(await names(['orders'], [])).toEqual(['app.o1', 'app.o2', 'public.orders']);
  expect(await names(['app.*'], ['app.orders', '*omer'])).toEqual(['app.note']);
  expect(await names([], ['app.o?'])).toEqual(['app.customer', 'app.note', 'public.orders']);
  const keys = await withSession(pair.source, (session) =>
    foreignKeysToExcluded(session, { include: [], exclude: ['customer'] }),
  );
  expect(keys).toEqual([
    { name: 'note_customer_fkey', table: 'app.note', referencedTable: 'app.customer' },
  ]);
  await pair.close();
});

test('T55: configuration tables of extensions get their own rows, appended, once', async () => {
  const pair = await makePair(from, into);
  // An extension needs files in the server's folder: its catalog entries are made by hand instead.
  const install = `
    create extension pg_trgm;
    create table config (id int primary key, parent int references config, mine boolean);
    create table config_child (id int references config);
    create table config_all (x int);
    insert into config values (1, null, false);
    alter extension pg_trgm add table config;
    alter extension pg_trgm add table config_child;
    alter extension pg_trgm add table config_all;
    update pg_extension set
      extconfig = array['config_child'::regclass, 'config'::regclass]::oid[],
      extcondition = array['', 'WHERE mine'] where extname = 'pg_trgm'`;
  await pair.from.query(install);
  await pair.into.query(install);
  await pair.from.query(`insert into config values (2, null, true), (3, 2, true);
    insert into config_child values (2), (3); insert into config_all values (1)`);
  const tables = await withSession(pair.source, (session) => listTables(session, everything));
  expect(tables.map(({ name }) => name)).toEqual(['config', 'config_child']);
  for (const generation of [1, 2]) {
    const outcomes = await copyAll(pair, { generation });
    expect(outcomes.filter(({ state }) => state === 'failed')).toEqual([]);
    for (const table of ['config', 'config_child']) {
      expect(await contentOf(pair.into, table)).toEqual(await contentOf(pair.from, table));
    }
  }
  await pair.close();
});

test('a table or column that is not on the target is named before anything is copied', async () => {
  const pair = await makePair(from, into);
  await pair.from.query(
    'create table gone (a int); create table less (a int, b int); create table ok ()',
  );
  await pair.into.query('create table less (a int); create table ok ()');
  const { batches, failed } = await planPair(pair);
  expect(failed.map((each) => (each.state === 'failed' ? each.error : ''))).toEqual([
    'Table public.gone cannot be copied: it is not on the target.',
    'Table public.less cannot be copied: its column b is not on the target.',
  ]);
  expect(batches.flatMap(({ items }) => items.map(({ name }) => name))).toEqual(['ok']);
  await pair.close();
});

test('the control schema is made once, belongs to one migration, and goes', async () => {
  const pair = await makePair(from, into);
  const { database } = pair.target;
  await pair.into.query('drop schema pgmove cascade');
  const create = (migrationId: string) =>
    withSession(pair.target, (session) => createControlSchema(session, { migrationId, database }));
  await Promise.all(['m1', 'm1', 'm1', 'm1'].map(create));
  await expect(create('m2')).rejects.toMatchObject({ kind: 'targetOccupied' });
  await withSession(pair.target, async (session) => {
    expect(await readControl(session)).toEqual({ migrationId: 'm1', database });
    expect(await isStepDone(session, 'schema', 1)).toBe(false);
    await markStep(session, 'schema', 1, 'detail');
    await markStep(session, 'schema', 1);
    expect(await isStepDone(session, 'schema', 1)).toBe(true);
    expect(await isStepDone(session, 'schema', 2)).toBe(false);
    await dropControlSchema(session);
    await dropControlSchema(session);
    expect(await readControl(session)).toBeUndefined();
  });
  await pair.close();
});
