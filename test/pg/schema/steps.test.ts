import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { createControlSchema } from '../../../shared/pg/copy/control.ts';
import { analyze } from '../../../shared/pg/schema/analyze.ts';
import {
  createTargetDatabase,
  dropTargetDatabase,
  targetDatabaseState,
} from '../../../shared/pg/schema/database.ts';
import { buildIndex, finishTable } from '../../../shared/pg/schema/indexes.ts';
import { copyLargeObjectMetadata } from '../../../shared/pg/schema/largeObjectMetadata.ts';
import { copyLargeObjects } from '../../../shared/pg/schema/largeObjects.ts';
import { refreshMaterializedViews } from '../../../shared/pg/schema/materializedViews.ts';
import { applyOwnership } from '../../../shared/pg/schema/ownership.ts';
import { restorePostData } from '../../../shared/pg/schema/postData.ts';
import { restorePreData } from '../../../shared/pg/schema/preData.ts';
import { applyPrivileges } from '../../../shared/pg/schema/privileges.ts';
import { copySequences } from '../../../shared/pg/schema/sequences.ts';
import { finishSmallTables } from '../../../shared/pg/schema/smallTables.ts';
import { endpointOf, open, planOf } from './migrateSchema.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let name: string;
let count = 0;
let from: PgSession;
let to: PgSession;

beforeAll(async () => {
  [source, target] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
  await source.run('create role only_here; create role on_both; create role on_both_too');
  await target.run(
    'create role on_both; create role on_both_too; create role mover login createdb',
  );
});

afterAll(async () => {
  await source?.stop();
  await target?.stop();
});

beforeEach(async () => {
  count += 1;
  name = `case_${count}`;
  await source.createDatabase(name);
  await target.createDatabase(name);
  from = await open(endpointOf(source, name));
  to = await open(endpointOf(target, name));
  await createControlSchema(to, { migrationId: 'test', database: name });
});

afterEach(async () => {
  await from.close();
  await to.close();
});

const openTarget = () => open(endpointOf(target, name));
const plan = (excluded: readonly number[] = []) => planOf(endpointOf(source, name), excluded);

async function oidOf(table: string): Promise<number> {
  const { rows } = await from.query<{ oid: number }>('select $1::regclass::oid as oid', [table]);
  return rows[0]?.oid ?? 0;
}

async function lines(session: PgSession, sql: string): Promise<string[]> {
  return (await session.query<{ line: string }>(sql)).rows.map((row) => row.line);
}

describe('T50: a foreign key that the source violates', () => {
  it('is created NOT VALID and reported; the others are valid', async () => {
    await source.run(
      `create table a (id int primary key); create table b (id int references a);
       create table c (id int references a); create table p (id int references a) partition by list (id);
       create table p1 partition of p default`,
      name,
    );
    const made = await plan();
    await restorePreData(to, made, { generation: 1 });
    for (const work of Object.values(made.indexWork)) await finishTable(to, work);
    await target.run('insert into b values (7); insert into p values (7)', name);
    const options = { generation: 1, jobs: 3 };
    const notCarried = await restorePostData(openTarget, made, options);
    expect(notCarried).toEqual([
      {
        subject: 'foreignKey',
        count: 1,
        objects: ['FK CONSTRAINT public.b b_id_fkey'],
        reason: expect.stringContaining('NOT VALID'),
      },
      {
        subject: 'foreignKey',
        count: 1,
        objects: ['FK CONSTRAINT public.p p_id_fkey'],
        reason: expect.stringContaining('left out'),
      },
    ]);
    expect(
      await lines(
        to,
        `select conname || ' ' || convalidated as line from pg_constraint where contype = 'f' order by 1`,
      ),
    ).toEqual(['b_id_fkey false', 'c_id_fkey true']);
  });
});

describe('a filter', () => {
  it('leaves out what hangs on an excluded table and reports foreign keys and dependents', async () => {
    await source.run(
      `create table kept (id serial primary key); create table gone (id serial primary key, k int references kept);
       create table points (id int references gone, k int references kept);
       create view over_gone as select id from gone; create view over_kept as select id from kept;
       create index on gone (k); comment on table gone is 'x'; grant select on gone to on_both;
       create table parts (id int) partition by list (id);
       create table part_1 partition of parts for values in (1); create table part_2 partition of parts for values in (2);
       create index on parts (id)`,
      name,
    );
    const made = await plan([await oidOf('public.gone'), await oidOf('public.part_2')]);
    expect(made.leftOut).toEqual([
      {
        subject: 'excludedDependent',
        count: 1,
        objects: ['view public.over_gone'],
        reason: expect.stringContaining('filter'),
      },
      {
        subject: 'foreignKey',
        count: 1,
        objects: ['fk constraint public.points points_id_fkey'],
        reason: expect.stringContaining('filter'),
      },
    ]);
    await restorePreData(to, made, { generation: 1 });
    for (const work of Object.values(made.indexWork)) await finishTable(to, work);
    await restorePostData(openTarget, made, { generation: 1, jobs: 1 });
    await applyPrivileges(to, made);
    expect(await copySequences(from, to, { excludedOids: made.leftOutRelationOids })).toBe(1);
    expect(
      await lines(
        to,
        `select relname::text as line from pg_class where relnamespace = 'public'::regnamespace
           and relkind in ('r', 'v', 'S', 'p') order by 1`,
      ),
    ).toEqual(['kept', 'kept_id_seq', 'over_kept', 'part_1', 'parts', 'points']);
  });
});

describe('pre-data', () => {
  it('names every object that cannot be created, and only causes', async () => {
    await target.run(`create database ${name}_m owner mover`);
    await source.run(
      `create type pair as (a int, b int);
       create cast (text as pair) with inout;
       create function c_function() returns int language c as '$libdir/tsm_system_rows', 'tsm_system_rows_handler';
       create view uses_it as select c_function() as x;
       create table fine (id int)`,
      name,
    );
    const made = await plan();
    await using mover = await open(endpointOf(target, `${name}_m`, 'mover'));
    await createControlSchema(mover, { migrationId: 'test', database: name });
    const failure = await restorePreData(mover, made, { generation: 1 }).then(
      () => undefined,
      (error: unknown) => error as Error & { kind: string },
    );
    expect(failure?.kind).toBe('schemaFailed');
    expect(failure?.message).toMatch(/FUNCTION public.c_function\(\): permission denied/);
    expect(failure?.message).toMatch(/^1 object/);
    expect(failure?.message).not.toMatch(/uses_it|fine/);
  });

  it('continues after the last committed slice, and two runs at once end right', async () => {
    const tables = Array.from(
      { length: 900 },
      (_, n) => `create table t${n} (id serial primary key);`,
    );
    await source.run(tables.join('\n'), name);
    const made = await plan();
    await using other = await openTarget();
    const first = restorePreData(to, made, { generation: 1 });
    const second = restorePreData(other, made, { generation: 1 });
    await Promise.all([first, second]);
    await restorePreData(to, made, { generation: 1 });
    const works = Object.values(made.indexWork);
    await Promise.all([finishSmallTables(to, works), finishSmallTables(other, works)]);
    await finishSmallTables(to, works);
    expect(
      await lines(
        to,
        "select count(*)::text as line from pg_constraint where contype = 'p' and conrelid > 16384 and connamespace = 'public'::regnamespace",
      ),
    ).toEqual(['900']);
  });

  it('goes on where a killed run stopped', async () => {
    const tables = Array.from({ length: 600 }, (_, n) => `create table t${n} (id int);`);
    await source.run(tables.join('\n'), name);
    const made = await plan();
    const victim = await openTarget();
    const abort = new AbortController();
    const run = restorePreData(victim, made, { generation: 1, signal: abort.signal });
    await Promise.all([
      expect(run).rejects.toThrow(),
      to.query('select pg_terminate_backend($1)', [victim.backendPid]),
    ]);
    await restorePreData(to, made, { generation: 1 });
    expect(
      await lines(to, "select count(*)::text as line from pg_class where relname ~ '^t\\d+$'"),
    ).toEqual(['600']);
  });
});

describe('indexes', () => {
  it('T49: two runs of the same index at once, and an invalid one, end with one valid index', async () => {
    await source.run(
      `create table t (id int, v text not null, primary key (id)); create unique index on t (v);
       alter table t replica identity using index t_v_idx; alter table t cluster on t_pkey`,
      name,
    );
    const made = await plan();
    await restorePreData(to, made, { generation: 1 });
    const work = Object.values(made.indexWork)[0];
    if (work === undefined) throw new Error('There is no index work.');
    await target.run("insert into t values (1, 'x'), (2, 'x')", name);
    // A concurrent build that fails leaves an invalid index behind.
    await expect(
      target.run('create unique index concurrently t_v_idx on t (v)', name),
    ).rejects.toThrow();
    await target.run('delete from t where id = 2', name);
    await using other = await openTarget();
    const index = work.indexes.find((each) => each.name === 't_v_idx');
    if (index === undefined) throw new Error('There is no index.');
    await Promise.all([buildIndex(to, index), buildIndex(other, index)]);
    await Promise.all([finishTable(to, work), finishTable(other, work)]);
    expect(
      await lines(
        to,
        `select concat_ws(' ', indexrelid::regclass, indisvalid, indisprimary, indisreplident, indisclustered) as line
         from pg_index where indrelid = 'public.t'::regclass order by 1`,
      ),
    ).toEqual(['public.t_pkey t t f t', 'public.t_v_idx t f t f']);
  });

  it('T30: an index over a function with unqualified names is built under the source’s search_path', async () => {
    await source.run(
      `create table word (w text); insert into word values ('x');
       create function counted(int) returns bigint language plpgsql immutable as 'begin return (select count(*) from word) + $1; end';
       create table t (id int); create index on t (counted(id));
       create materialized view m as select counted(id) from t`,
      name,
    );
    const made = await plan();
    await restorePreData(to, made, { generation: 1 });
    await target.run('insert into t values (1)', name);
    for (const work of Object.values(made.indexWork)) {
      await finishTable(to, work, { defaultSearchPath: made.database.defaultSearchPath });
    }
    const notCarried = await refreshMaterializedViews(to, made);
    expect(notCarried).toMatchObject([{ subject: 'searchPath', objects: ['public.m'] }]);
    expect(await refreshMaterializedViews(to, made)).toEqual([]);
  });
});

describe('values beside the tables', () => {
  it('T52: sequences keep last_value and is_called, and doing it twice changes nothing', async () => {
    await source.run(
      `create sequence never; create sequence once; select nextval('once'); select setval('once', 77, false);
       create sequence down increment -1 minvalue -50; select nextval('down'), nextval('down');
       create table t (a int generated always as identity, "B c" bigserial); insert into t values (default, default)`,
      name,
    );
    const made = await plan();
    await restorePreData(to, made, { generation: 1 });
    for (let run = 0; run < 2; run += 1) expect(await copySequences(from, to)).toBe(5);
    const sql = `select concat_ws(' ', x.*) as line from (select last_value, is_called from public.never
      union all select last_value, is_called from public.once union all select last_value, is_called from public.down
      union all select last_value, is_called from public.t_a_seq union all select last_value, is_called from public."t_B c_seq") x`;
    expect(await lines(to, sql)).toEqual(await lines(from, sql));
  });

  it('T51: large objects arrive under their oids with bytes, comments, owners and rights', async () => {
    const big = randomBytes(40 * 1024 * 1024);
    await from.query('select lo_from_bytea(5000, $1)', [big]);
    await from.query('select lo_create(5001), lo_from_bytea(5002, $1), lo_create(5003)', [
      big.subarray(0, 3_000_001),
    ]);
    await from.query('select lo_put(5003, 5000000, $1)', [Buffer.from('end')]);
    await from.query(
      `comment on large object 5001 is 'it''s empty'; alter large object 5002 owner to on_both;
       grant select on large object 5003 to on_both, only_here; grant update on large object 5000 to public`,
    );
    await from.query(
      'select count(lo_from_bytea(g, decode(md5(g::text), $1))) from generate_series(6000, 9000) g',
      ['hex'],
    );
    for (let run = 0; run < 2; run += 1) {
      expect(await copyLargeObjects(from, to, { generation: 1 })).toMatchObject({ objects: 3005 });
    }
    await target.run('select lo_create(4999)', name);
    await copyLargeObjects(from, to, { generation: 2 });
    const notCarried = await copyLargeObjectMetadata(from, to);
    expect(notCarried).toMatchObject([
      { subject: 'privilege', reason: 'The role only_here does not exist on the target.' },
    ]);
    const sql = `select concat_ws(' ', oid, md5(lo_get(oid)), pg_get_userbyid(lomowner),
        obj_description(oid, 'pg_largeobject'), replace(lomacl::text, 'only_here=r/postgres', '')) as line
      from pg_largeobject_metadata order by oid`;
    const tidy = (all: string[]) => all.map((line) => line.replace(',}', '}'));
    expect(tidy(await lines(to, sql))).toEqual(tidy(await lines(from, sql)));
  });
});

describe('ownership and privileges', () => {
  it('T53: a missing role loses nobody else’s grant, and is reported once with a count', async () => {
    await source.run(
      `create table a (id int); create table b (id int); create table c (id int, d int);
       alter table a owner to only_here; alter table b owner to only_here; alter table c owner to on_both;
       grant select on c to only_here, on_both_too; grant insert (d) on c to only_here, on_both_too;
       alter default privileges for role only_here grant select on tables to on_both;
       alter default privileges for role on_both grant select on tables to on_both_too, only_here`,
      name,
    );
    const made = await plan();
    await restorePreData(to, made, { generation: 1 });
    expect(await applyOwnership(to, made)).toEqual([
      {
        subject: 'ownership',
        count: 2,
        objects: ['table "public"."a"', 'table "public"."b"'],
        reason: 'The role only_here does not exist on the target. The object belongs to postgres.',
      },
    ]);
    const notCarried = await applyPrivileges(to, made);
    expect(notCarried.map((item) => `${item.subject} ${item.count} ${item.reason}`).sort()).toEqual(
      [
        'defaultPrivilege 2 The role only_here does not exist on the target.',
        'privilege 2 The role only_here does not exist on the target.',
      ],
    );
    expect(
      await lines(
        to,
        "select concat_ws(' ', relname, pg_get_userbyid(relowner), relacl) as line from pg_class where relname in ('a', 'c') order by 1",
      ),
    ).toEqual(['a postgres', 'c on_both {on_both=arwdDxt/on_both,on_both_too=r/on_both}']);
    expect(
      await lines(
        to,
        "select attacl::text as line from pg_attribute where attname = 'd' and attacl is not null",
      ),
    ).toEqual(['{on_both_too=a/on_both}']);
  });
});

describe('the target database', () => {
  it('is absent, empty or has objects, and is created and dropped by a user with CREATEDB', async () => {
    const endpoint = endpointOf(target, `${name}_new`, 'mover');
    const look = () => targetDatabaseState(endpoint, { applicationName: 'pgmove/test' });
    expect(await look()).toEqual({ state: 'absent' });
    await using admin = await open({ ...endpoint, database: 'postgres' });
    const { database } = await plan();
    await createTargetDatabase(admin, endpoint.database, database);
    await createTargetDatabase(admin, endpoint.database, database);
    expect(await look()).toEqual({ state: 'empty', hasControlSchema: false });
    await target.run('create extension hstore', endpoint.database);
    expect(await look()).toMatchObject({ state: 'empty' });
    await target.run(
      'create table t (id int); create function f() returns int language sql as $$select 1$$',
      endpoint.database,
    );
    expect(await look()).toEqual({
      state: 'hasObjects',
      hasControlSchema: false,
      count: 2,
      objects: ['public.f()', 'public.t'],
    });
    await using busy = await open(endpoint);
    expect((await busy.query('select 1')).rowCount).toBe(1);
    await dropTargetDatabase(admin, endpoint.database);
    await dropTargetDatabase(admin, endpoint.database);
    expect(await look()).toEqual({ state: 'absent' });
    await expect(dropTargetDatabase(admin, name)).rejects.toMatchObject({
      kind: 'permissionDenied',
    });
    await expect(
      createTargetDatabase(admin, 'odd_locale', { ...database, collate: 'xx_XX', ctype: 'xx_XX' }),
    ).rejects.toThrow(/locale xx_XX/);
  });

  it('is analyzed, and what may not be is reported', async () => {
    await target.run(
      'create table t as select g from generate_series(1, 100) g; create table u (a int) partition by list (a)',
      name,
    );
    expect(await analyze(openTarget, { jobs: 2 })).toEqual([]);
    expect(
      await lines(to, "select reltuples::text as line from pg_class where relname = 't'"),
    ).toEqual(['100']);
    await target.run('grant select on t to mover', name);
    const skipped = await analyze(() => open(endpointOf(target, name, 'mover')), { jobs: 2 });
    expect(skipped[0]).toMatchObject({ subject: 'analyze', count: 2 });
  });
});
