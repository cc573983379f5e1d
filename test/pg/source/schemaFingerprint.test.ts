import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import {
  compareFingerprints,
  readSchemaFingerprint,
} from '../../../shared/pg/source/schemaFingerprint.ts';
import { everything, startTestCluster } from '../copy/copyPair.ts';
import { makeDatabase, openSession } from './sourceCluster.ts';

const clusters: ThrowawayCluster[] = [];

beforeAll(async () => {
  clusters.push(await startTestCluster());
  for (const major of [10, 12, 18] as const) {
    clusters.push(await startTestCluster({ binaries: await embeddedBinaries(major) }));
  }
});

afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
});

const TABLES = `
  create type mood as enum ('sad', 'ok');
  create domain small as int check (value < 10);
  create type pair as (a small, b mood);
  create table t (id int primary key, a text, m mood, p pair[], n numeric(8, 2));
  create table k (a int not null, b int not null);
  create unique index k_a on k (a); create unique index k_b on k (b);
  alter table k replica identity using index k_a;
  create table root (id int, c int) partition by range (c);
  create table leaf1 partition of root for values from (0) to (10);
  create table leaf2 partition of root for values from (10) to (20);
  create table parent (a int); create table child () inherits (parent);
  create table dropped_column (a int, b int);
  insert into t select g, repeat('x', 100) from generate_series(1, 200) g`;

/** Statement and the sentence it leads to. */
const CHANGES: readonly (readonly [string, string[]])[] = [
  [
    'alter table t add column z int',
    ['Table public.t has other columns (added, dropped, renamed, or of another type).'],
  ],
  [
    'alter table dropped_column drop column b',
    [
      'Table public.dropped_column has other columns (added, dropped, renamed, or of another type).',
    ],
  ],
  [
    'alter table t rename column a to b',
    ['Table public.t has other columns (added, dropped, renamed, or of another type).'],
  ],
  [
    'alter table t alter n type numeric(9, 2)',
    ['Table public.t has other columns (added, dropped, renamed, or of another type).'],
  ],
  [
    "alter type mood add value 'great'",
    ['Table public.t has columns whose type was altered (enum labels, a domain or a composite).'],
  ],
  [
    'alter domain small add check (value > -5) not valid',
    ['Table public.t has columns whose type was altered (enum labels, a domain or a composite).'],
  ],
  [
    'alter type pair add attribute c int',
    ['Table public.t has columns whose type was altered (enum labels, a domain or a composite).'],
  ],
  [
    'alter table t replica identity nothing',
    ['Table public.t has another replica identity or primary key.'],
  ],
  [
    'alter table t drop constraint t_pkey',
    ['Table public.t has another replica identity or primary key.'],
  ],
  [
    'alter table k replica identity using index k_b',
    ['Table public.k has another replica identity or primary key.'],
  ],
  ['alter table t rename to tt', ['Table public.t is now named public.tt.']],
  ['create schema s2; alter table k set schema s2', ['Table public.k is now named s2.k.']],
  ['alter table k set unlogged', ['Table public.k is unlogged now.']],
  [
    'alter table root detach partition leaf2',
    ['Table public.leaf2 has other partition bounds, keys or parents.'],
  ],
  [
    'alter table child no inherit parent',
    ['Table public.child has other partition bounds, keys or parents.'],
  ],
  ['drop table k', ['Table public.k has been dropped.']],
  ['drop table k; create table k (a int)', ['Table public.k has been dropped and created again.']],
  [
    'create table fresh (a int)',
    ['Table public.fresh has been created; it is not part of the migration.'],
  ],
];

const NO_CHANGES = [
  'truncate t',
  'vacuum full t',
  'analyze t',
  'cluster t using t_pkey',
  'insert into t values (1000); delete from t where id < 10',
  'reindex table t',
  'create index on t (a)',
  'alter table t alter a set statistics 10',
  'alter table t alter a set default 1',
  'grant select on t to public',
  'create temporary table x (a int)',
  'create view v as select 1 as a',
];

async function sentencesAfter(session: PgSession, sql: string): Promise<string[]> {
  const before = await readSchemaFingerprint(session, everything);
  await session.query(sql);
  const after = await readSchemaFingerprint(session, everything);
  return compareFingerprints(before, after).map(({ sentence }) => sentence);
}

test('T67: every change of a replicated table is told, on every version', async () => {
  for (const cluster of clusters) {
    const { database, client } = await makeDatabase(cluster, TABLES);
    await using session = await openSession(cluster, database);
    await session.query("set search_path = 'public'");
    for (const [sql, expected] of CHANGES) {
      // Before 12 a value cannot be added inside a transaction: this one stays.
      const isLasting = sql.includes('add value');
      if (!isLasting) await session.query('begin');
      const found = {
        version: session.serverVersion,
        sql,
        found: await sentencesAfter(session, sql),
      };
      expect(found).toEqual({ version: session.serverVersion, sql, found: expected });
      if (!isLasting) await session.query('rollback');
    }
    await client.end();
  }
}, 30_000);

test('maintenance, rewrites, rows, plain indexes and privileges change nothing', async () => {
  for (const cluster of clusters) {
    const { database, client } = await makeDatabase(cluster, TABLES);
    await using session = await openSession(cluster, database);
    await session.query("set search_path = 'public'");
    const reindex = session.serverVersion >= 120000 ? ['reindex table concurrently t'] : [];
    for (const sql of [...NO_CHANGES, ...reindex]) {
      // One by one: VACUUM takes no company.
      const found: string[] = [];
      for (const statement of sql.split('; '))
        found.push(...(await sentencesAfter(session, statement)));
      expect({ sql, found }).toEqual({ sql, found: [] });
    }
    await client.end();
  }
}, 30_000);

test('a filter decides which tables are looked at, and thousands are looked at fast', async () => {
  const { database, client } = await makeDatabase(clusters[0]!, TABLES);
  await using session = await openSession(clusters[0]!, database);
  const names = async (include: string[], exclude: string[]) =>
    Object.values(await readSchemaFingerprint(session, { include, exclude })).map(
      ({ name }) => name,
    );
  expect((await names(['root', 'k'], [])).toSorted()).toEqual(['k', 'leaf1', 'leaf2', 'root']);
  expect((await names([], ['root', 'leaf2', 'p*'])).toSorted()).toEqual([
    'child',
    'dropped_column',
    'k',
    't',
  ]);
  await client.query(`do $$ begin for i in 1..2000 loop
    execute format('create table m%s (id int primary key, a text, b mood, c pair[], d int)', i);
  end loop; end $$`);
  const start = performance.now();
  expect(Object.keys(await readSchemaFingerprint(session, everything))).toHaveLength(2008);
  expect(performance.now() - start).toBeLessThan(15_000);
  await client.end();
}, 30_000);
