import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import {
  findIdentityProblems,
  identityChanges,
  restoreIdentities,
  setFull,
} from '../../../shared/pg/source/replicaIdentity.ts';
import { everything, startTestCluster } from '../copy/copyPair.ts';
import { makeDatabase, openSession } from './sourceCluster.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});

afterAll(() => cluster.stop());

const TABLES = `
  create schema "Odd.one";
  create table keyed (id int primary key);
  create table no_key (a int);
  create table "Odd.one"."No Key" (a int);
  create table deferrable_key (id int primary key deferrable);
  create table nothing (id int primary key);
  alter table nothing replica identity nothing;
  create table by_index (a int not null);
  create unique index by_index_a on by_index (a);
  alter table by_index replica identity using index by_index_a;
  create table lost_index (a int not null);
  create unique index lost_index_a on lost_index (a);
  alter table lost_index replica identity using index lost_index_a;
  drop index lost_index_a;
  create table full_one (a int);
  alter table full_one replica identity full;
  create table root (id int, k int) partition by list (k);
  create table leaf partition of root default;
  create unlogged table not_logged (a int);
  create table gone (a int)`;

test('T2, T3: every table whose changes wal2json would leave out is found, with the reason', async () => {
  const { database, client } = await makeDatabase(cluster, TABLES);
  await client.query(
    "update pg_index set indisvalid = false where indrelid = 'by_index'::regclass",
  );
  await using session = await openSession(cluster, database);
  const { problems, unlogged } = await findIdentityProblems(session, everything);
  const found = problems.map(({ schema, name, reason }) => `${schema}.${name} ${reason}`);
  expect(found.toSorted()).toEqual([
    'Odd.one.No Key has no primary key',
    'public.by_index has an invalid replica identity index',
    'public.deferrable_key has a deferrable primary key',
    'public.gone has no primary key',
    'public.leaf has no primary key',
    'public.lost_index lost the index of its replica identity',
    'public.no_key has no primary key',
    'public.nothing has REPLICA IDENTITY NOTHING',
  ]);
  expect(unlogged).toEqual([{ schema: 'public', name: 'not_logged' }]);
  const filter = { include: ['root', 'no*'], exclude: ['nothing'] };
  const filtered = await findIdentityProblems(session, filter);
  expect(filtered.problems.map(({ name }) => name)).toEqual(['leaf', 'no_key']);
  await client.end();
});

test('the decoder agrees: updates of exactly the listed tables are left out of the stream', async () => {
  const { database, client } = await makeDatabase(cluster, TABLES);
  await using session = await openSession(cluster, database);
  await client.query("select pg_create_logical_replication_slot('decode', 'wal2json')");
  const { problems } = await findIdentityProblems(session, everything);
  const tables = await client.query<{ schema: string; name: string; sql: string; col: string }>(
    `select nspname as schema, relname as name, format('%I.%I', nspname, relname) as sql,
       quote_ident((select attname from pg_attribute where attrelid = c.oid and attnum = 1)) as col
     from pg_class c join pg_namespace n on n.oid = relnamespace
     where relkind = 'r' and relpersistence = 'p' and nspname in ('public', 'Odd.one')`,
  );
  for (const { sql, col } of tables.rows) {
    await client.query(`insert into ${sql} (${col}) values (1); update ${sql} set ${col} = 2`);
  }
  const changes = await client.query<{ data: string }>(
    `select data from pg_logical_slot_get_changes('decode', null, null, 'format-version', '2')`,
  );
  const updated = changes.rows
    .map(({ data }) => JSON.parse(data) as { action: string; schema: string; table: string })
    .filter(({ action }) => action === 'U')
    .map(({ schema, table }) => `${schema}.${table}`);
  const silent = tables.rows
    .map(({ schema, name }) => `${schema}.${name}`)
    .filter((name) => !updated.includes(name));
  expect(problems.map(({ schema, name }) => `${schema}.${name}`).toSorted()).toEqual(
    silent.toSorted(),
  );
  await client.query("select pg_drop_replication_slot('decode')");
  await client.end();
});

test('FULL is set and what was there before comes back, except what others changed since', async () => {
  const { database, client } = await makeDatabase(cluster, TABLES);
  await using session = await openSession(cluster, database);
  await client.query(
    "update pg_index set indisvalid = false where indrelid = 'by_index'::regclass",
  );
  const identities = async () =>
    (
      await client.query<{ name: string; identity: string }>(
        `select c.relname as name, c.relreplident::text || coalesce((select ' ' || i.relname
           from pg_index x join pg_class i on i.oid = x.indexrelid
           where x.indrelid = c.oid and x.indisreplident), '') as identity
         from pg_class c join pg_namespace n on n.oid = relnamespace
         where c.relkind = 'r' and nspname in ('public', 'Odd.one') order by 1`,
      )
    ).rows;
  const before = await identities();
  const { problems } = await findIdentityProblems(session, everything);
  const changes = identityChanges(problems);
  await setFull(session, problems);
  await setFull(session, problems);
  expect((await findIdentityProblems(session, everything)).problems).toEqual([]);
  await client.query('update pg_index set indisvalid = true; drop table gone');
  expect(await restoreIdentities(session, changes)).toEqual([
    'Table public.lost_index keeps REPLICA IDENTITY FULL: the index of its replica identity ' +
      'before the migration is not there any more.',
  ]);
  await restoreIdentities(session, changes);
  const after = await identities();
  expect(after.filter(({ name }) => name !== 'lost_index')).toEqual(
    before.filter(({ name }) => name !== 'lost_index' && name !== 'gone'),
  );
  await setFull(session, [{ schema: 'public', name: 'nothing' }]);
  await client.query('alter table nothing replica identity default');
  await restoreIdentities(session, changes);
  const nothing = (await identities()).find(({ name }) => name === 'nothing');
  expect(nothing?.identity).toBe('d');
  await client.end();
});

test('a table that stays locked is named, and so is a missing right', async () => {
  const { database, client } = await makeDatabase(cluster, 'create table busy (a int)');
  await using session = await openSession(cluster, database);
  await client.query('begin; insert into busy values (1)');
  const table = { schema: 'public', name: 'busy' };
  await expect(setFull(session, [table], { lockWaitMs: 0 })).rejects.toMatchObject({
    kind: 'lockTimeout',
    message: expect.stringContaining('public.busy') as string,
  });
  await client.query('rollback; create role plain login');
  await using plain = await openSession(cluster, database, 'plain');
  await expect(setFull(plain, [table])).rejects.toMatchObject({
    kind: 'permissionDenied',
    message: expect.stringContaining('public.busy') as string,
  });
  await client.end();
});
