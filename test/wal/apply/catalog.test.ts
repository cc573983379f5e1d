import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import { TextTuple } from '../../../shared/wal/tuple.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../../shared/pg/connect.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { createApplier } from '../../../shared/wal/apply/applier.ts';
import { loadApplyTables } from '../../../shared/wal/apply/catalog.ts';
import { deleteStatement, updateStatements } from '../../../shared/wal/apply/setStatements.ts';
import { shapeOf } from '../../../shared/wal/apply/shape.ts';
import { endpointOf, startTestCluster } from '../../pg/copy/copyPair.ts';
import { makeApplyPair, rowsOf } from './applyPair.ts';

let cluster: ThrowawayCluster;
let session: PgSession;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { max_locks_per_transaction: '2000' } });
  session = await connect(endpointOf(cluster, 'postgres'), { applicationName: 'pgmove/test' });
});

afterAll(async () => {
  await session.close();
  await cluster.stop();
});

test('only indexes that find one row at once are keys', async () => {
  await cluster.run(`
    create schema k; set search_path = k;
    create table deferrable_key (id int primary key deferrable);
    create table partial_key (id int not null); create unique index on partial_key (id) where id > 0;
    create table expression_key (id int not null); create unique index on expression_key ((id + 1));
    create table nullable_key (id int unique);
    create table included (id int, x int not null, primary key (id) include (x));
    create table several (c int not null, b int not null, a int primary key, unique (c, b));
    create table generated_key (a int, g int generated always as (a + 1) stored not null unique);
    create table root (id int primary key) partition by list (id);
    create table leaf partition of root default; create view v as select 1;
    create temporary table temporary (id int primary key)`);
  const catalog = await loadApplyTables(session);
  const keys = Object.fromEntries(
    catalog.tables
      .filter(({ schema }) => schema === 'k')
      .map(({ name, keys: found }) => [
        name,
        found.map(({ columns }) => columns.map((column) => column.name).join()),
      ]),
  );
  expect(keys).toEqual({
    deferrable_key: [],
    partial_key: [],
    expression_key: [],
    nullable_key: [],
    included: ['id'],
    several: ['a', 'c,b'],
    generated_key: [],
    leaf: ['id'],
  });
  expect(catalog.find('k', 'deferrable_key')?.hasDeferrable).toBe(true);
});

test('ten thousand tables are read at once', async () => {
  await cluster.run(`create schema many; do $$begin for i in 1..10000 loop
    execute format('create table many.t%s (id int primary key, a text, b numeric)', i);
    end loop; end$$`);
  const began = performance.now();
  const catalog = await loadApplyTables(session);
  expect(catalog.find('many', 't9999')?.keys).toHaveLength(1);
  expect(performance.now() - began).toBeLessThan(10_000);
  const [named, ...others] = (await loadApplyTables(session, [{ schema: 'many', name: 't7' }]))
    .tables;
  expect(named?.name).toBe('t7');
  expect(others).toEqual([]);
});

test('sets find their rows by the index, whatever the table looks like to the planner', async () => {
  await cluster.run(
    'create table public.large as select i as id, i as v from generate_series(1, 200000) i',
  );
  await cluster.run('alter table public.large add primary key (id)');
  const table = (await loadApplyTables(session, [{ schema: 'public', name: 'large' }])).tables[0];
  const key = table?.keys[0];
  if (table === undefined || key === undefined) throw new Error('There is no key.');
  const set = { names: ['id', 'v'], typeOids: [23, 23] };
  await session.query('begin');
  const applier = createApplier(session, { isReplicaRole: false });
  const change = { schema: 'public', table: 'large', bytes: 1 };
  const identity = {
    identity: { names: ['id'], typeOids: [23] },
    identityValues: new TextTuple(['1']),
  };
  await applier.add(table, { action: 'D', ...change, ...identity }, { xid: 1, endLsn: 1n });
  await applier.flush();
  await session.query('commit');
  const ids = `{${Array.from({ length: 20_000 }, (_id, i) => 10 * i).join()}}`;
  const update = updateStatements(shapeOf(table, set), key).update;
  for (const [text, values] of [
    [update.text, [ids, ids]],
    [deleteStatement(table, key).text, [ids]],
    [
      'delete from only public.large t where t.ctid = (select t.ctid from only public.large t where t.id = $1 limit 1)',
      ['5'],
    ],
  ] as const) {
    const { rows } = await session.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values]);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/Index (Only )?Scan using large_pkey/);
    expect(plan).not.toMatch(/Seq Scan/);
  }
});

test('T20: an identity column of a partition is written on PostgreSQL 18', async () => {
  await using eighteen = await startTestCluster({ binaries: await embeddedBinaries(18) });
  const pair = await makeApplyPair(cluster, eighteen, {
    sql: `create table p (k int, id int generated always as identity, v int, primary key (k, id))
            partition by list (k);
          create table p1 partition of p default`,
  });
  await pair.from.query('insert into p (k, v) values (1, 1), (2, 2); update p set v = 3');
  await pair.from.query('update p set id = default where k = 1; update p set k = 5 where k = 2');
  await pair.apply();
  expect(await rowsOf(pair.target, 'public.p1')).toEqual(await rowsOf(pair.source, 'public.p1'));
  await pair.close();
});
