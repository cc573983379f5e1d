import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { applyRemedies, checkDatabase, newDatabase, ONLINE, SPEC } from './support/ruleBench.ts';
import type { Bench } from './support/ruleBench.ts';

let bench: Bench;

beforeAll(async () => {
  const [source, target] = await Promise.all([
    startTestCluster({ settings: { max_prepared_transactions: '5' } }),
    startTestCluster({ settings: { 'azure.extensions': 'plpgsql,hstore' } }),
  ]);
  bench = { source, target };
  await source.run('create role reader login; create role "other owner"; create role "gran""tee"');
  await source.run(`create tablespace elsewhere location '${await sourceFolder()}'`);
  await target.run('create role mover login createdb');
});
afterAll(() => Promise.all([bench.source.stop(), bench.target.stop()]));

/** A folder that the server's user may write to: below its own data. */
async function sourceFolder(): Promise<string> {
  const folder = `${bench.source.dataFolder}/space`;
  await bench.source.run(`copy (select 1) to program 'cat > /dev/null; mkdir -p "${folder}"'`);
  return folder;
}

interface Case {
  rule: string;
  /** Makes the problem in the source database. */
  sql: string;
  message: RegExp;
  state?: 'Failed' | 'Warning';
  sourceUser?: string;
  online?: true;
  create?: string;
}

const CASES: Case[] = [
  {
    rule: 'tables-readable',
    sql: 'create schema "my app"; create table "my app".t (a int)',
    sourceUser: 'reader',
    state: 'Failed',
    message: /^tables-readable \(603110\): The source's user may not read "my app"\.t\./,
  },
  {
    rule: 'sequences-readable',
    sql: 'create sequence s',
    sourceUser: 'reader',
    state: 'Failed',
    message: /^sequences-readable \(603110\): reader may not read the sequences public\.s\./,
  },
  {
    rule: 'large-objects-readable',
    sql: 'select lo_create(4711), lo_create(4712)',
    sourceUser: 'reader',
    state: 'Failed',
    message: /reader may not read 2 large objects \(4711, 4712\)\./,
  },
  {
    rule: 'row-security',
    sql: `create table t (a int); alter table t enable row level security;
      grant select on t to reader`,
    sourceUser: 'reader',
    state: 'Failed',
    message: /would hide rows of public\.t from reader/,
  },
  {
    rule: 'replica-identity',
    sql: 'create table "no Key" (a int)',
    online: true,
    state: 'Failed',
    message: /public\.no Key has no primary key/,
  },
  {
    rule: 'unlogged-tables',
    sql: 'create unlogged table u (a int primary key)',
    online: true,
    state: 'Warning',
    message: /\(public\.u\)/,
  },
  {
    rule: 'prepared-transactions',
    sql: "create table t (a int); begin; insert into t values (1); prepare transaction 'it''s open'",
    state: 'Warning',
    message: /it's open/,
  },
  {
    rule: 'base-types',
    sql: `create type bare; create function bare_in(cstring) returns bare language internal
        immutable strict as 'textin';
      create function bare_out(bare) returns cstring language internal immutable strict
        as 'textout';
      create type bare (input = bare_in, output = bare_out, like = text);
      create table t (a bare)`,
    state: 'Failed',
    message: /must be superuser to create a base type.*public\.bare\./,
  },
  {
    rule: 'user-casts',
    sql: `create function f(text) returns int language sql as 'select 1';
      create cast (text as int) with function f(text) as assignment;
      create type mine as (a int); create function g(mine) returns int language sql as 'select 1';
      create cast (mine as int) with function g(mine)`,
    state: 'Failed',
    message: /^user-casts \(603409\): .*target: \(text as integer\)\./,
  },
  {
    rule: 'procedural-languages',
    sql: 'create language mine handler plpgsql_call_handler validator plpgsql_validator',
    state: 'Failed',
    message: /^procedural-languages \(603413\): .*: mine\./,
  },
  {
    rule: 'operator-classes',
    sql: `create operator class mine for type int using btree as operator 1 <, operator 2 <=,
      operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int)`,
    state: 'Failed',
    message: /public\.mine\./,
  },
  {
    rule: 'text-search-parsers',
    sql: `create text search parser p (start = prsd_start, gettoken = prsd_nexttoken,
        end = prsd_end, lextypes = prsd_lextype);
      create text search template t (lexize = dsimple_lexize)`,
    state: 'Failed',
    message: /text search parser public\.p, text search template public\.t\./,
  },
  {
    rule: 'untrusted-functions',
    sql: `create function c1(int) returns int language internal immutable as 'int4abs';
      create function leaks() returns int language sql leakproof as 'select 1';
      create aggregate fine(int) (sfunc = int4pl, stype = int)`,
    state: 'Failed',
    message: /target: public\.c1\(integer\), public\.leaks\(\)\./,
  },
  {
    rule: 'foreign-data-wrappers',
    sql: 'create foreign data wrapper w',
    state: 'Failed',
    message: /: w\./,
  },
  {
    rule: 'foreign-servers',
    sql: `create foreign data wrapper w;
      create server "far away" foreign data wrapper w options (host '10.0.0.9', port '5433')`,
    state: 'Warning',
    message: /"far away" \(host=10\.0\.0\.9 port=5433\)/,
  },
  {
    rule: 'event-triggers',
    sql: `create function e() returns event_trigger language plpgsql as 'begin end';
      create event trigger watch on ddl_command_end execute function e()`,
    state: 'Warning',
    message: /not carried.*: watch\./,
  },
  {
    rule: 'catalog-grants',
    sql: `grant select on pg_authid to "gran""tee"; grant execute on function pg_ls_waldir() to reader`,
    state: 'Warning',
    message:
      /^catalog-grants \(603410\): .*EXECUTE on pg_ls_waldir\(\) to reader, SELECT on pg_catalog\.pg_authid to "gran""tee"/,
  },
  {
    rule: 'logical-subscriptions',
    sql: `create subscription sub connection 'host=127.0.0.1' publication p
      with (connect = false, slot_name = none, enabled = false)`,
    state: 'Warning',
    message: /not carried: sub\./,
  },
  {
    rule: 'custom-tablespaces',
    sql: `create table t (a int) tablespace elsewhere; create index i on t (a) tablespace elsewhere`,
    state: 'Warning',
    message:
      /^custom-tablespaces: 2 tables and indexes are in tablespaces \(elsewhere\).*public\.i, public\.t\./,
  },
  {
    rule: 'missing-roles',
    sql: `create table t (a int); alter table t owner to "other owner"; grant select on t to "gran""tee"`,
    state: 'Warning',
    message:
      /^missing-roles \(603103\): The target does not have the roles gran"tee, other owner \(owner\)/,
  },
  {
    rule: 'extensions-allowed',
    sql: 'create extension hstore; create extension citext; create extension "uuid-ossp"',
    state: 'Failed',
    message:
      /^extensions-allowed \(603108\): .*citext, uuid-ossp .*--value plpgsql,hstore,citext,uuid-ossp\)/,
  },
  {
    rule: 'extensions-special',
    sql: 'create extension postgres_fdw',
    state: 'Warning',
    message: /^extensions-special \(603405\): postgres_fdw: foreign tables go on/,
  },
  {
    rule: 'extensions-available',
    sql: fakeExtension('nowhere', '1.0'),
    state: 'Failed',
    message: /^extensions-available \(603405\): The target server does not have nowhere\./,
  },
  {
    rule: 'extensions-special',
    sql: fakeExtension('timescaledb', '2.1'),
    state: 'Failed',
    message: /timescaledb: hypertables live/,
  },
  {
    // The target has azure.extensions, as Azure has.
    rule: 'extensions-schema',
    sql: 'create extension citext schema pg_catalog',
    state: 'Failed',
    message: /^extensions-schema \(603407\): .*citext \(pg_catalog\)\..*set schema public;$/,
  },
  {
    rule: 'column-collations',
    sql: `create collation pg_catalog."tlh" (locale = 'C.utf8');
      create table t (a varchar(7) collate "tlh", b text)`,
    state: 'Failed',
    message: /^column-collations \(603402\): .*collations tlh, of the columns public\.t\.a\./,
  },
  {
    rule: 'collation-versions',
    sql: `update pg_catalog.pg_database set datcollversion = '0.1'
      where datname = current_database()`,
    create: "template template0 locale_provider icu icu_locale 'en'",
    state: 'Warning',
    message: /which may miss rows: "checks \d+"\./,
  },
];

/** As far as the catalogs tell: a real one would have to be installed. */
function fakeExtension(name: string, version: string): string {
  return `insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace,
      extrelocatable, extversion)
    values (99999, '${name}', 10, 'public'::regnamespace, false, '${version}')`;
}

test.each(CASES)('$rule: $message', async (item) => {
  const { rule, sql, message, state, sourceUser, online } = item;
  const database = await newDatabase(bench.source, sql, item.create);
  const options = {
    rule,
    spec: online ? ONLINE : SPEC,
    targetUser: 'mover',
    ...(sourceUser === undefined ? {} : { sourceUser }),
  };
  const found = (await checkDatabase(bench, database, options))[rule];
  expect(found).toMatchObject([{ state, message: expect.stringMatching(message) as string }]);
  await applyRemedies(bench, database, found ?? []);
  expect(await checkDatabase(bench, database, options)).toEqual({});
});
