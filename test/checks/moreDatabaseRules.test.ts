import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBinaries } from '../../scripts/postgres/serverBinaries.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { DATABASE_RULES } from '../../shared/checks/registry.ts';
import { runRules } from '../../shared/checks/runRules.ts';
import {
  applyRemedies,
  checkDatabase,
  newDatabase,
  ONLINE,
  open,
  SPEC,
} from './support/ruleBench.ts';
import type { Bench } from './support/ruleBench.ts';

/* Rules whose problem or remedy takes more than a statement in the source database. */

let bench: Bench;

beforeAll(async () => {
  const [source, target] = await Promise.all([
    startTestCluster({
      settings: {
        max_connections: '10',
        max_worker_processes: '0',
        autovacuum_max_workers: '1',
        max_wal_senders: '2',
        max_locks_per_transaction: '10',
        shared_preload_libraries: 'pg_stat_statements',
      },
    }),
    startTestCluster(),
  ]);
  bench = { source, target };
  await target.run('create role mover login createdb');
});
afterAll(() => Promise.all([bench.source.stop(), bench.target.stop()]));

test('lock-capacity: more tables than locks fail, as the copy would; half of them warn', async () => {
  const database = await newDatabase(bench.source);
  const look = async () =>
    (await checkDatabase(bench, database, { rule: 'lock-capacity' }))['lock-capacity'];
  const client = await bench.source.connect(database);
  const create = async (from: number, to: number) => {
    for (let at = from; at < to; at += 1) await client.query(`create table t${at} ()`);
  };
  await create(0, 100);
  expect(await look()).toMatchObject([{ state: 'Warning' }]);
  await create(100, 160);
  await client.end();
  const found = await look();
  expect(found).toMatchObject([
    {
      state: 'Failed',
      message: expect.stringMatching(
        /^lock-capacity: 160 tables are locked in one transaction, .*per_transaction 10 for 14 sess/,
      ) as string,
    },
  ]);
  await applyRemedies(bench, database, found ?? []);
  await bench.source.halt();
  await bench.source.start();
  expect(await look()).toBeUndefined();
});

test('extensions-preloaded: warns where it would do nothing, says what right is missing', async () => {
  const database = await newDatabase(bench.source, 'create extension pg_stat_statements');
  const look = (targetUser: string) =>
    checkDatabase(bench, database, { rule: 'extensions-preloaded', targetUser });
  expect(await look('mover')).toMatchObject({
    'extensions-preloaded': [
      {
        state: 'Warning',
        message: expect.stringMatching(
          /could not be checked: .*A right is missing: membership in pg_read_all_settings/,
        ) as string,
      },
    ],
  });
  await bench.target.run('grant pg_read_all_settings to mover');
  const { 'extensions-preloaded': found = [] } = await look('mover');
  expect(found).toMatchObject([
    {
      state: 'Warning',
      message: expect.stringMatching(/^extensions-preloaded \(603109\)/) as string,
    },
  ]);
  await applyRemedies(bench, database, found);
  await bench.target.halt();
  await bench.target.start();
  expect(await look('mover')).toEqual({});
});

test('extensions-preloaded: fails where the extension cannot be created without', async () => {
  const database = await newDatabase(
    bench.source,
    `insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable,
       extversion) values (99999, 'pg_cron', 10, 'pg_catalog'::regnamespace, false, '1.6')`,
  );
  const { 'extensions-preloaded': found } = await checkDatabase(bench, database, {
    rule: 'extensions-preloaded',
  });
  expect(found).toMatchObject([
    {
      state: 'Failed',
      message: expect.stringMatching(/pg_cron needs pg_cron in shared/) as string,
    },
  ]);
});

test('extension-versions: an older one on the target is told', async () => {
  const database = await newDatabase(
    bench.source,
    "create extension hstore version '1.4'; create extension citext",
  );
  const look = () => checkDatabase(bench, database, { rule: 'extension-versions' });
  expect(await look()).toEqual({});
  const version = (name: string) =>
    bench.source.run(
      `update pg_extension set extversion = '${name}' where extname = 'hstore'`,
      database,
    );
  await version('9.10');
  expect(await look()).toMatchObject({
    'extension-versions': [
      {
        state: 'Warning',
        message: expect.stringMatching(/: hstore \(9\.10, there 1\.\d\)/) as string,
      },
    ],
  });
});

test('owner-membership: an owner that the target has and may not be acted as', async () => {
  await bench.source.run('create role boss');
  await bench.target.run('create role boss');
  const database = await newDatabase(
    bench.source,
    'create table t (a int); alter table t owner to boss',
  );
  const options = { rule: 'owner-membership', targetUser: 'mover' };
  const { 'owner-membership': found = [] } = await checkDatabase(bench, database, options);
  expect(found).toMatchObject([
    {
      state: 'Warning',
      message: expect.stringMatching(/mover is no member of boss, postgres/) as string,
    },
  ]);
  await applyRemedies(bench, database, found);
  expect(await checkDatabase(bench, database, options)).toEqual({});
  await bench.target.run('revoke postgres from mover');
});

test('missing-roles: nothing to say where they are migrated', async () => {
  await bench.source.run('create role lonely');
  const database = await newDatabase(
    bench.source,
    'create table t (); grant select on t to lonely',
  );
  const spec = { ...SPEC, migrateRoles: true };
  expect(await checkDatabase(bench, database, { rule: 'missing-roles', spec })).toEqual({});
  expect(await checkDatabase(bench, database, { rule: 'missing-roles' })).toMatchObject({
    'missing-roles': [{ message: expect.stringMatching(/roles lonely:/) as string }],
  });
});

test('target-objects, target-encoding: a target database that is there already', async () => {
  const database = await newDatabase(bench.source);
  const existing = await newDatabase(
    bench.target,
    'create table mine (a int)',
    "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
  );
  const look = (overwrite = false) => checkDatabase(bench, database, { existing, overwrite });
  const found = await look();
  expect(found).toMatchObject({
    'target-objects': [
      {
        state: 'Warning',
        message: expect.stringMatching(/has 1 objects \(public\.mine\)/) as string,
      },
    ],
    'target-encoding': [
      {
        state: 'Warning',
        message: expect.stringMatching(/is in LATIN1, the source in UTF8/) as string,
      },
    ],
  });
  expect(await look(true)).toEqual({});
  const other = await newDatabase(
    bench.target,
    '',
    "template template0 lc_collate 'C.utf8' lc_ctype 'C.utf8'",
  );
  expect(await checkDatabase(bench, database, { existing: other })).toMatchObject({
    'target-encoding': [
      { message: expect.stringMatching(/has the locale C\.utf8 \/ C\.utf8, the source/) as string },
    ],
  });
  await applyRemedies(bench, database, found['target-objects'] ?? []);
  expect(await checkDatabase(bench, database)).toEqual({});
});

test('user-collations: tried on the target, which has no such locale or no ICU', async () => {
  const database = await newDatabase(
    bench.source,
    `create collation fine (locale = 'C.utf8');
     create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  );
  const look = () =>
    checkDatabase(bench, database, { rule: 'user-collations', targetUser: 'mover' });
  expect(await look()).toEqual({});
  await bench.source.run(
    "update pg_collation set collcollate = 'xx_YY', collctype = 'xx_YY' where collname = 'fine'",
    database,
  );
  const { 'user-collations': found = [] } = await look();
  expect(found).toMatchObject([
    {
      state: 'Failed',
      message: expect.stringMatching(
        /^user-collations \(603403\): .* collation public\.fine: could not create locale "xx_YY"/,
      ) as string,
    },
  ]);
  await applyRemedies(bench, database, found);
  expect(await look()).toEqual({});
  const left = await bench.target.connect();
  const { rowCount } = await left.query("select from pg_collation where collname = 'pgmove_probe'");
  await left.end();
  expect(rowCount).toBe(0);
});

test('database-collation: a locale that the target cannot create', async () => {
  const database = await newDatabase(bench.source);
  await using source = await open(bench.source, database);
  await using target = await open(bench.target, 'postgres', 'mover');
  // No new session could enter the database from here on: its locale is not on this machine.
  await bench.source.run(
    `update pg_database set datcollate = 'xx_YY' where datname = '${database}'`,
  );
  const rules = DATABASE_RULES.filter(({ id }) => id === 'database-collation');
  const spec = { ...SPEC, targetDbNames: { [database]: 'sorted otherwise' } };
  const context = { database, spec, source, target };
  const [outcome] = await runRules(rules, context);
  expect(outcome?.findings).toMatchObject([
    {
      state: 'Failed',
      message: expect.stringMatching(
        /^database-collation \(603401\): The target server has no locale xx_YY\./,
      ) as string,
    },
  ]);
  await applyRemedies(bench, 'postgres', outcome?.findings ?? []);
  await using existing = await open(bench.target, 'sorted otherwise', 'mover');
  expect(await runRules(rules, { ...context, existing })).toMatchObject([{ findings: [] }]);
});

test('tables-with-oids: before 12', async () => {
  const old = await startTestCluster({ binaries: await embeddedBinaries(10) });
  try {
    const database = await newDatabase(
      old,
      'create table "with" (a int primary key) with oids; create table t (a int primary key)',
    );
    const from10 = { source: old, target: bench.target };
    const found = await checkDatabase(from10, database);
    expect(found['tables-with-oids']).toMatchObject([
      {
        state: 'Warning',
        message: expect.stringMatching(/\(603404\).*: public\."with"\./) as string,
      },
    ]);
    await applyRemedies(from10, database, found['tables-with-oids'] ?? []);
    // Every rule runs on an old server too.
    expect(await checkDatabase(from10, database)).toEqual({});
    expect(await checkDatabase(from10, database, { spec: ONLINE })).toEqual({});
  } finally {
    await old.stop();
  }
});

test('everything at once comes to one report', async () => {
  const reader = pg.escapeIdentifier('reading user');
  await bench.source.run(`create role ${reader} login; create role nobody_there`);
  const database = await newDatabase(
    bench.source,
    `create table no_key (a float8); alter table no_key owner to nobody_there;
     create unlogged table u (a int primary key); select lo_create(1);
     create table hidden (a int primary key); alter table hidden enable row level security;
     grant select on hidden to ${reader};
     create cast (text as int) with inout; create sequence s;
     create function f() returns event_trigger language plpgsql as 'begin end';
     create event trigger watch on ddl_command_end execute function f();
     create foreign data wrapper w; create server far foreign data wrapper w;
     create extension postgres_fdw; create extension pg_stat_statements;
     create collation pg_catalog.tlh (locale = 'C.utf8'); create table k (a text collate tlh);
     insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable,
       extversion) values (99999, 'timescaledb', 10, 'public'::regnamespace, false, '2');
     grant select on pg_authid to nobody_there`,
  );
  const found = await checkDatabase(bench, database, {
    spec: ONLINE,
    sourceUser: 'reading user',
    targetUser: 'mover',
  });
  expect(Object.keys(found).sort()).toEqual(
    [
      'catalog-grants',
      'column-collations',
      'event-triggers',
      'extensions-available',
      'extensions-preloaded',
      'extensions-special',
      'foreign-data-wrappers',
      'foreign-servers',
      'large-objects',
      'large-objects-readable',
      'missing-roles',
      'owner-membership',
      'replica-identity',
      'row-security',
      'sequences-readable',
      'special-numbers',
      'tables-readable',
      'unlogged-tables',
      'user-casts',
    ].sort(),
  );
});
