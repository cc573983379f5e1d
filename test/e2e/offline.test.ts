import { describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { differences, testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestStack } from './support/testStack.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

async function sourceDatabase(name: string, sql: string): Promise<void> {
  await source.createDatabase(name);
  await source.run(sql, name);
}

const SMALL_SHOP = `
create type mood as enum ('sad', 'ok', 'happy');
create table customer (
  id bigint generated always as identity primary key,
  name text not null, email text unique, mood mood, tags text[], extra jsonb,
  shouted text generated always as (upper(name)) stored
);
create table "Order Line" (
  id serial primary key, customer_id bigint references customer, amount numeric(12,2), at timestamptz
);
create index on "Order Line" (customer_id, at desc);
create view spenders as select customer_id, sum(amount) as total from "Order Line" group by 1;
create materialized view spender_list as select * from spenders with data;
insert into customer (name, email, mood, tags, extra)
  select 'n' || i, 'e' || i || '@x.org', 'ok', array['a', null, ''], jsonb_build_object('i', i)
  from generate_series(1, 500) i;
insert into "Order Line" (customer_id, amount, at)
  select 1 + i % 500, i * 1.1, '2024-01-01'::timestamptz + i * interval '1 hour'
  from generate_series(1, 3000) i;
refresh materialized view spender_list;
select lo_from_bytea(0, '\\xdeadbeef');
comment on table customer is 'who buys';
`;

describe('an offline migration', () => {
  it('brings a database to another server complete', async () => {
    await sourceDatabase('shop', SMALL_SHOP);
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['shop'],
      properties: { verify: 'hash' },
    });
    await migration.put();
    const ended = await migration.ended();
    expect(ended.properties.currentStatus).toMatchObject({ state: 'Succeeded' });
    expect(await differences(source, target, 'shop')).toEqual([]);
    const database = ended.properties.currentStatus.currentSubStateDetails.dbDetails?.['shop'];
    expect(database).toMatchObject({
      migrationState: 'Succeeded',
      fullLoadCompletedTables: 2,
      fullLoadErroredTables: 0,
      rowsCopied: 3500,
    });
  });

  it('moves many databases at once, one of them under another name', async () => {
    const names = ['many_a', 'many b', 'many"c'];
    for (const name of names) {
      await sourceDatabase(
        name,
        `create table t (id int primary key, v text);
        insert into t select i, 'x' from generate_series(1, 100) i`,
      );
    }
    const migration = testMigration({
      stack,
      source,
      target,
      databases: names,
      properties: { targetDbNames: { many_a: 'renamed' }, jobs: 2 },
    });
    await migration.put();
    const ended = await migration.ended();
    expect(ended.properties.currentStatus.state).toBe('Succeeded');
    expect(await differences(source, target, 'many_a', 'renamed')).toEqual([]);
    expect(await differences(source, target, 'many b')).toEqual([]);
    expect(await differences(source, target, 'many"c')).toEqual([]);
  });

  it('leaves out tables that are excluded, and says what hung on them', async () => {
    await sourceDatabase(
      'partly',
      `
      create table parent (id int primary key);
      create table child (id int primary key, parent_id int references parent);
      create table log_2024 (id int);
      insert into parent values (1); insert into child values (1, 1); insert into log_2024 values (1);`,
    );
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['partly'],
      properties: { excludeTables: ['public.parent', 'log_*'] },
    });
    await migration.put();
    const ended = await migration.ended();
    expect(ended.properties.currentStatus.state).toBe('Succeeded');
    const client = await target.connect('partly');
    const { rows } = await client.query(
      "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    );
    await client.end();
    expect(rows).toEqual([{ relname: 'child' }]);
    const database = ended.properties.currentStatus.currentSubStateDetails.dbDetails?.['partly'];
    expect(JSON.stringify(database?.['notCarried'])).toContain('child_parent_id_fkey');
  });

  it('copies a large table in parts, and its indexes beside each other', async () => {
    await sourceDatabase(
      'large',
      `
      create table big (id int primary key, a int, b text);
      insert into big select i, i % 1000, repeat(md5(i::text), 12) from generate_series(1, 200000) i;
      create index on big (a); create index on big (b);`,
    );
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['large'],
      properties: { jobs: 2, verify: 'counts' },
    });
    await migration.put();
    const ended = await migration.ended();
    expect(ended.properties.currentStatus.state).toBe('Succeeded');
    expect(await differences(source, target, 'large')).toEqual([]);
    const tables = (await (
      await fetch(`${migration.url}/databases/large/tables?api-version=2025-08-01`)
    ).json()) as { value: { partCount: number; rows: number; state: string; indexMs: number }[] };
    expect(tables.value).toMatchObject([{ state: 'completed', rows: 200_000 }]);
    expect(tables.value[0]?.partCount).toBeGreaterThan(1);
    expect(tables.value[0]?.indexMs).toBeGreaterThan(0);
  });
});

describe('gates', () => {
  it('waits for the databases to be named, then goes on', async () => {
    await sourceDatabase('gate_dbs', 'create table t (id int); insert into t values (1)');
    const migration = testMigration({ stack, source, target });
    await migration.put();
    await migration.waitForSubState('WaitingForDBsToMigrateSpecification');
    expect((await migration.patch({ dbsToMigrate: ['gate_dbs'] })).status).toBe(200);
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
  });

  it('never touches a target database with objects before it is confirmed', async () => {
    await sourceDatabase('gate_over', 'create table t (id int); insert into t values (1)');
    await target.createDatabase('gate_over');
    await target.run(
      'create table precious (id int); insert into precious values (7)',
      'gate_over',
    );
    const migration = testMigration({ stack, source, target, databases: ['gate_over'] });
    await migration.put();
    await migration.waitForSubState('WaitingForTargetDBOverwriteConfirmation');
    const client = await target.connect('gate_over');
    expect((await client.query('select id from precious')).rows).toEqual([{ id: 7 }]);
    await client.end();
    await migration.patch({ overwriteDbsInTarget: 'True' });
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
    expect(await differences(source, target, 'gate_over')).toEqual([]);
  });

  it('starts when it is asked to, or when its window begins', async () => {
    await sourceDatabase('gate_time', 'create table t (id int)');
    const asked = testMigration({
      stack,
      source,
      target,
      databases: ['gate_time'],
      properties: { startDataMigration: 'False', targetDbNames: { gate_time: 'gate_asked' } },
    });
    await asked.put();
    await asked.waitForSubState('WaitingForDataMigrationScheduling');
    await asked.patch({ startDataMigration: 'True' });
    expect((await asked.ended()).properties.currentStatus.state).toBe('Succeeded');

    const windowed = testMigration({
      stack,
      source,
      target,
      databases: ['gate_time'],
      properties: {
        migrationWindowStartTimeInUtc: new Date(Date.now() + 3_000).toISOString(),
        targetDbNames: { gate_time: 'gate_window' },
      },
    });
    await windowed.put();
    await windowed.waitForSubState('WaitingForDataMigrationWindow');
    expect((await windowed.ended()).properties.currentStatus.state).toBe('Succeeded');
  });
});

describe('what cannot be migrated', () => {
  it('fails with the names of databases that the source does not have', async () => {
    const migration = testMigration({ stack, source, target, databases: ['nowhere'] });
    await migration.put();
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus.state).toBe('Failed');
    expect(currentStatus.error).toContain('nowhere');
  });

  it.each([
    ['small', 100, ''],
    // Its indexes are units of their own.
    ['large', 12_000, "repeat('x', 4000)"],
  ])(
    'names a %s table whose index cannot be built, and resumes there',
    async (size, rows, text) => {
      const database = `index_${size}`;
      await sourceDatabase(
        database,
        `create function public.boom(v int) returns int immutable language plpgsql as $$
         begin
           if current_setting('pgmove_test.broken', true) = 'yes' then raise 'boom'; end if;
           return v;
         end $$;
       create table shaky (id int primary key, v text);
       alter table shaky alter v set storage external;
       insert into shaky select i, ${text === '' ? "'y'" : text} from generate_series(1, ${rows}) i;
       create index shaky_boom on shaky (public.boom(id));
       create table fine (id int primary key);`,
      );
      await target.createDatabase(database);
      await target.run(`alter database ${database} set pgmove_test.broken = 'yes'`);
      const migration = testMigration({ stack, source, target, databases: [database] });
      await migration.put();
      const failed = (await migration.ended()).properties.currentStatus;
      expect(failed.state).toBe('Failed');
      expect(failed.error).toContain('shaky');
      const url = `${migration.url}/databases/${database}/tables?api-version=2025-08-01&state=failed`;
      const tables = (await (await fetch(url)).json()) as { value: { error: string }[] };
      expect(tables.value).toHaveLength(1);
      expect(tables.value[0]?.error).toContain('boom');

      await target.run(`alter database ${database} reset pgmove_test.broken`);
      expect((await migration.post('resume')).status).toBe(200);
      expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
      expect(await differences(source, target, database)).toEqual([]);
    },
  );

  it('names a table whose rows cannot be copied, copies the others, and resumes with that one', async () => {
    // A check that every row passed when it came in and that fails on the target.
    await sourceDatabase(
      'broken',
      `
      create table fine (id int primary key); insert into fine select generate_series(1, 50);
      create function public.here() returns boolean language sql as
        $$ select current_setting('pgmove_test.broken', true) is distinct from 'yes' $$;
      create table bad (id int primary key, check (public.here()));
      insert into bad select generate_series(1, 50);`,
    );
    await target.createDatabase('broken');
    await target.run("alter database broken set pgmove_test.broken = 'yes'");
    const migration = testMigration({ stack, source, target, databases: ['broken'] });
    await migration.put();
    const failed = await migration.ended();
    expect(failed.properties.currentStatus.state).toBe('Failed');
    expect(failed.properties.currentStatus.error).toContain('public.bad');
    expect(failed.properties.currentStatus.error).not.toContain('public.fine');

    await target.run('alter database broken reset pgmove_test.broken');
    expect((await migration.post('resume')).status).toBe(200);
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
    expect(await differences(source, target, 'broken')).toEqual([]);
  });
});
