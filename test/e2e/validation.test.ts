import { expect, it } from 'vitest';
import { DATABASE_RULES, SERVER_RULES } from '../../shared/checks/registry.ts';
import { validationReportSchema } from '../../shared/api/validationReport.ts';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

/** What cannot be wrong in one migration with all the others, or not without hours or other servers. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'same-server': 'these are two servers',
  'server-versions': 'an older target would not have most of the others',
  'target-writable': 'to a standby nothing else could be granted',
  'direct-connection': 'there is a pooler or there is none',
  'create-roles': 'with migrateRoles no role is missing',
  'target-sessions': 'what is overwritten is not in the way',
  'tables-with-oids': 'the source would have to be older than 12',
  'wide-rows': 'rows of a gigabyte',
  'prepared-transactions': 'online they are told with the slots',
  'database-collation': 'nobody could connect to the database any more',
};

let site: TestSite;

useTestSite(
  async (started) => {
    site = started;
    const { source, target } = site;
    await target.run('create role weak login; create role boss');
    // Without it, what is preloaded there could not be seen.
    await target.run('grant pg_read_all_settings to weak');
    await source.run(
      'create role reader login connection limit 9; create role boss; create role nobody_there',
    );
    const folder = `${source.dataFolder}/space`;
    await source.run(`copy (select 1) to program 'cat > /dev/null; mkdir -p "${folder}"'`);
    await source.run(`create tablespace elsewhere location '${folder}'`);
    await source.createDatabase('shop');
    await source.run(PROBLEMS, 'shop');
    await source.run("create database bytes encoding 'SQL_ASCII' template template0");
    await source.run('create table no_key (a int)', 'bytes');
    await target.run(
      "create database shop encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
    );
    await target.run('create table mine (a int)', 'shop');
    await target.run('grant connect on database shop to weak');
  },
  {
    source: {
      settings: {
        wal_level: 'replica',
        max_locks_per_transaction: '10',
        max_connections: '20',
        max_worker_processes: '0',
        autovacuum_max_workers: '1',
        max_wal_senders: '2',
        max_prepared_transactions: '5',
        shared_preload_libraries: 'pg_stat_statements',
      },
    },
    target: { settings: { 'azure.extensions': 'plpgsql,postgres_fdw' } },
  },
);

const PROBLEMS = `
  do $$ begin
    for i in 1..150 loop execute format('create table t%s (a int primary key)', i); end loop;
  end $$;
  create table hidden (a int primary key); alter table hidden owner to boss;
  create table no_key (a float8); create unlogged table u (a int primary key);
  create table secured (a int primary key); alter table secured enable row level security;
  grant select on secured to reader; create sequence s; select lo_create(1);
  create table away (a int primary key) tablespace elsewhere;
  create table lost (a int primary key); grant select on lost to nobody_there;
  create table owned (a int primary key); alter table owned owner to nobody_there;
  create type bare; create function bare_in(cstring) returns bare language internal
    immutable strict as 'textin';
  create function bare_out(bare) returns cstring language internal immutable strict as 'textout';
  create type bare (input = bare_in, output = bare_out, like = text);
  create cast (text as int) with inout;
  create language mine handler plpgsql_call_handler validator plpgsql_validator;
  create operator class odd for type int using btree as operator 1 <, operator 2 <=,
    operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
  create text search parser p (start = prsd_start, gettoken = prsd_nexttoken,
    end = prsd_end, lextypes = prsd_lextype);
  create foreign data wrapper w; create server far foreign data wrapper w;
  create function f() returns event_trigger language plpgsql as 'begin end';
  create event trigger watch on ddl_command_end execute function f();
  grant select on pg_authid to nobody_there;
  create subscription sub connection 'host=127.0.0.1' publication p
    with (connect = false, slot_name = none, enabled = false);
  create extension postgres_fdw; create extension pg_stat_statements; create extension hstore;
  create extension citext schema pg_catalog;
  update pg_extension set extversion = '99.1' where extname = 'hstore';
  insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable,
    extversion) values (99999, 'timescaledb', 10, 'public'::regnamespace, false, '2');
  create collation pg_catalog.tlh (locale = 'C.utf8'); create table k (a text collate tlh);
  create collation gone (locale = 'C.utf8');
  update pg_collation set collcollate = 'xx_YY', collctype = 'xx_YY' where collname = 'gone';
  create collation stale (provider = icu, locale = 'de'); create table l (a text collate stale);
  update pg_collation set collversion = '0.1' where collname = 'stale'`;

it('a source with all problems at once is one complete report, which neither waits nor begins', async () => {
  const { source, target, stack } = site;
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['shop', 'bytes', 'nowhere', 'azure_sys'],
    users: { source: 'reader', target: 'weak' },
    properties: {
      migrationOption: 'Validate',
      migrationMode: 'Online',
      targetStorageMb: 1,
    },
  });
  await migration.put();
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus.state).toBe('ValidationFailed');
  const answer = await fetch(`${migration.url}/validation?api-version=2025-08-01`);
  const report = validationReportSchema.parse(await answer.json());
  expect(report.status).toBe('Failed');

  const found = new Set(report.findings.map(({ ruleId }) => ruleId));
  const all = [...SERVER_RULES, ...DATABASE_RULES].map(({ id }) => id);
  expect(all.filter((id) => !found.has(id)).sort()).toEqual(Object.keys(ELSEWHERE).sort());
  const unable = report.findings.filter(({ message }) => message.includes('could not be checked'));
  expect(unable).toEqual([]);
  // The databases that are there were looked at, each by every rule; the others are told as such.
  const ran = (name: string) => report.rules.filter(({ databaseName }) => databaseName === name);
  expect(ran('bytes').length).toBe(ran('shop').length);
  const ofOthers = report.findings.filter(({ databaseName = '' }) =>
    ['nowhere', 'azure_sys'].includes(databaseName),
  );
  expect(ofOthers.map(({ databaseName, ruleId }) => `${databaseName} ${ruleId}`).sort()).toEqual([
    'azure_sys server-reachable',
    'nowhere server-reachable',
  ]);

  const client = await source.connect();
  const { rows } = await client.query('select from pg_replication_slots');
  await client.end();
  expect(rows).toEqual([]);
});
