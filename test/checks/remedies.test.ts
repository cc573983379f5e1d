import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBinaries } from '../../scripts/postgres/serverBinaries.ts';
import { connectionFinding } from '../../shared/checks/connectionFailure.ts';
import { DATABASE_RULES, RESOURCE_RULES, SERVER_RULES } from '../../shared/checks/registry.ts';
import { runRules } from '../../shared/checks/runRules.ts';
import { connect } from '../../shared/pg/connect.ts';
import { endpointOf, startTestCluster } from '../pg/copy/copyPair.ts';
import { startStandby } from '../replicator/support/standby.ts';
import { readSources } from '../project/sources.ts';
import {
  applyRemedies,
  checkDatabase,
  checkServers,
  newDatabase,
  ONLINE,
  open,
} from './support/ruleBench.ts';
import type { Bench } from './support/ruleBench.ts';

/*
 * Findings of several parts, and rules whose remedy is no SQL: it is done here as the message says,
 * or what comes nearest to it where a test cannot do that.
 */

let bench: Bench;

beforeAll(async () => {
  const [source, target] = await Promise.all([
    startTestCluster({
      settings: {
        wal_level: 'replica',
        max_replication_slots: '1',
        max_wal_senders: '1',
        max_prepared_transactions: '5',
        max_slot_wal_keep_size: '64MB',
      },
      hbaLines: ['host all guarded 127.0.0.1/32 scram-sha-256'],
    }),
    startTestCluster(),
  ]);
  bench = { source, target };
  await source.run("create role guarded login password 'right'");
});
afterAll(() => Promise.all([bench?.source.stop(), bench?.target.stop()]));

test('logical-replication: every setting and right, by the statements of the findings alone', async () => {
  await bench.source.run('create role "plain user" login');
  // Releases of 2026 have the list.
  const hasPluginList = await listPlugins('pgoutput');
  const databases = ['a', 'b', 'c'];
  const look = async () =>
    (
      await checkServers(bench, databases, {
        rule: 'logical-replication',
        spec: ONLINE,
        sourceUser: 'plain user',
      })
    )['logical-replication'] ?? [];
  const found = await look();
  const about = [
    ['Failed', /\(603107\)/],
    ['Failed', /\(603105\)/],
    ['Failed', /\(603106\)/],
    ['Failed', /\(603104\).*On the source: alter role "plain user" replication;/],
    ...(hasPluginList ? ([['Failed', /refuses wal2json as an output plugin/]] as const) : []),
    ['Warning', /max_slot_wal_keep_size of the source is 64MB/],
  ] as const;
  expect(found).toMatchObject(
    about.map(([state, message]) => ({
      state,
      message: expect.stringMatching(message) as string,
    })),
  );
  await applyRemedies(bench, 'postgres', found);
  // What asks for a restart asks for nothing else any more; the rest is in force.
  expect((await look()).map(({ message }) => message)).toEqual(
    Array.from({ length: 3 }, () => expect.stringMatching(/is written: restart the source/)),
  );
  await bench.source.halt();
  await bench.source.start();
  expect(await look()).toEqual([]);
});

/** Sets output_plugin_libraries of the source; false where it has no such setting. */
async function listPlugins(value: string): Promise<boolean> {
  const client = await bench.source.connect();
  try {
    const name = 'output_plugin_libraries';
    const { rowCount } = await client.query('select from pg_settings where name = $1', [name]);
    if (rowCount === 0) return false;
    await client.query(`alter system set ${name} = ${value}`);
    await client.query('select pg_reload_conf()');
    return true;
  } finally {
    await client.end();
  }
}

/* Transactions that are open since a minute are told too: a test does not wait for that. */
test('logical-replication: prepared transactions that a slot would wait for', async () => {
  const database = await newDatabase(
    bench.source,
    "create table t (a int); begin; insert into t values (1); prepare transaction 'it''s open'",
  );
  const look = async () =>
    (
      (await checkServers(bench, [database], { rule: 'logical-replication', spec: ONLINE }))[
        'logical-replication'
      ] ?? []
    ).filter(({ message }) => message.includes('prepared transactions'));
  const found = await look();
  expect(found).toMatchObject([
    { state: 'Warning', message: expect.stringMatching(/'it's open' in checks \d+/) as string },
  ]);
  await applyRemedies(bench, database, found);
  expect(await look()).toEqual([]);
});

test('large-objects: those that nothing refers to are dropped', async () => {
  const database = await newDatabase(bench.source, 'select lo_create(1)');
  const look = () => checkDatabase(bench, database, { rule: 'large-objects', spec: ONLINE });
  expect(await look()).toHaveProperty('large-objects');
  await bench.source.run('select lo_unlink(1)', database);
  expect(await look()).toEqual({});
});

/* No newer wal2json can be installed here: the table is left out instead. */
test('special-numbers: tables that are left out are not told', async () => {
  const database = await newDatabase(bench.source, 'create table t (id int primary key, x float8)');
  const look = (excludeTables: string[]) =>
    checkDatabase(bench, database, { rule: 'special-numbers', spec: { ...ONLINE, excludeTables } });
  expect(await look([])).toHaveProperty('special-numbers');
  expect(await look(['t'])).toEqual({});
});

test('stream-encoding: converted to UTF8, a database can be streamed', async () => {
  const inEncoding = async (encoding: string) => {
    const database = await newDatabase(
      bench.source,
      '',
      `encoding '${encoding}' template template0`,
    );
    return await checkDatabase(bench, database, { rule: 'stream-encoding', spec: ONLINE });
  };
  expect(await inEncoding('EUC_JP')).toMatchObject({ 'stream-encoding': [{ state: 'Failed' }] });
  expect(await inEncoding('UTF8')).toEqual({});
});

/* The other version cannot be installed on the target: the source gets the target's instead. */
test('extension-versions: the same version on both sides', async () => {
  const database = await newDatabase(bench.source, "create extension hstore version '1.4'");
  const setVersion = (version: string) =>
    bench.source.run(
      `update pg_extension set extversion = '${version}' where extname = 'hstore'`,
      database,
    );
  const look = () => checkDatabase(bench, database, { rule: 'extension-versions' });
  await setVersion('9.10');
  expect(await look()).toHaveProperty('extension-versions');
  await setVersion('1.8');
  expect(await look()).toEqual({});
});

/* A server with pg_cron in its list would not start without its library: nobody uses it, so it goes. */
test('extensions-preloaded: without the extension nothing is needed', async () => {
  const database = await newDatabase(
    bench.source,
    `insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable,
       extversion) values (99999, 'pg_cron', 10, 'pg_catalog'::regnamespace, false, '1.6')`,
  );
  const look = () => checkDatabase(bench, database, { rule: 'extensions-preloaded' });
  expect(await look()).toMatchObject({ 'extensions-preloaded': [{ state: 'Failed' }] });
  await bench.source.run("delete from pg_extension where extname = 'pg_cron'", database);
  expect(await look()).toEqual({});
});

test('target-encoding: each finding is cured by its statement', async () => {
  const database = await newDatabase(bench.source);
  for (const create of [
    "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
    "lc_collate 'C.utf8' lc_ctype 'C.utf8' template template0",
  ]) {
    const existing = await newDatabase(bench.target, '', create);
    const { 'target-encoding': found = [] } = await checkDatabase(bench, database, {
      rule: 'target-encoding',
      existing,
    });
    expect(found).toMatchObject([{ state: 'Warning' }]);
    await applyRemedies(bench, database, found);
    // It is created with the source's encoding and locale.
    await expect(open(bench.target, existing)).rejects.toThrow(/does not exist/);
  }
  expect(await checkDatabase(bench, database, { rule: 'target-encoding' })).toEqual({});
});

/* Both servers have the libraries of this machine: that the target's differ cannot be made here. */
test('collation-versions: a collation of a column whose version changed under its indexes', async () => {
  const database = await newDatabase(
    bench.source,
    `create collation fine (provider = icu, locale = 'de'); create table t (a text collate fine);
     create index on t (a); update pg_collation set collversion = '0.1' where collname = 'fine'`,
  );
  const look = () => checkDatabase(bench, database, { rule: 'collation-versions' });
  const { 'collation-versions': found = [] } = await look();
  expect(found).toMatchObject([
    { state: 'Warning', message: expect.stringMatching(/may miss rows: public\.fine\./) as string },
  ]);
  await applyRemedies(bench, database, found);
  expect(await look()).toEqual({});
});

test('server-versions: an older target is refused, one of the same version is not', async () => {
  const older = await startTestCluster({ binaries: await embeddedBinaries(12) });
  try {
    const check = (target: Bench['target']) =>
      checkServers({ ...bench, target }, [], { rule: 'server-versions' });
    expect(await check(older)).toMatchObject({
      'server-versions': [
        {
          state: 'Failed',
          message: expect.stringMatching(/The target \(PostgreSQL 12\.\d+\) is older/) as string,
        },
      ],
    });
    expect(await check(bench.target)).toEqual({});
  } finally {
    await older.stop();
  }
});

test('target-writable: a standby is refused, its primary is not', async () => {
  const standby = await startStandby(bench.target);
  try {
    const look = (target: Bench['target']) =>
      checkServers({ ...bench, target }, [], { rule: 'target-writable' });
    expect(await look(standby)).toMatchObject({
      'target-writable': [
        {
          state: 'Failed',
          message: expect.stringMatching(/\(603112\): .*standby.*Name the primary/) as string,
        },
      ],
    });
    expect(await look(bench.target)).toEqual({});
  } finally {
    await standby.stop();
  }
});

test('extensions-schema: only a Warning where the target is not one of Azure', async () => {
  const database = await newDatabase(bench.source, 'create extension citext schema pg_catalog');
  const look = () => checkDatabase(bench, database, { rule: 'extensions-schema' });
  const { 'extensions-schema': found = [] } = await look();
  expect(found).toMatchObject([{ state: 'Warning' }]);
  await applyRemedies(bench, database, found);
  expect(await look()).toEqual({});
});

/* PgBouncer is not on every machine (test/pg/pooler.test.ts): what it makes of a session is. */
test('direct-connection: a pooler fails for a stream, the server itself does not', async () => {
  await using source = await open(bench.source, 'postgres');
  await using target = await open(bench.target, 'postgres');
  const rules = SERVER_RULES.filter(({ id }) => id === 'direct-connection');
  const check = (isPooled: boolean) =>
    runRules(rules, {
      spec: ONLINE,
      source: { ...source, isPooled },
      target,
      databaseCount: 1,
      ownSlots: [],
      isSetupWanted: false,
    });
  expect(await check(true)).toMatchObject([
    {
      findings: [{ state: 'Failed', message: expect.stringMatching(/^direct-connection: The so/) }],
    },
  ]);
  expect(await check(false)).toMatchObject([{ findings: [] }]);
});

test('server-reachable: each code is cured as it says', async () => {
  const endpoint = { ...endpointOf(bench.source, 'postgres'), user: 'guarded', password: 'right' };
  const failure = async (change: object) => {
    try {
      await using session = await connect(
        { ...endpoint, ...change },
        { applicationName: 'pgmove/test' },
      );
      return session.isPooled ? 'pooled' : undefined;
    } catch (error) {
      return connectionFinding('source', error).message;
    }
  };
  expect(await failure({ port: 1 })).toMatch(/\(603000\).*Check host name and port/);
  expect(await failure({ tls: { mode: 'require' } })).toMatch(/\(603001\).*Prefer goes without/);
  expect(await failure({ tls: { mode: 'prefer' } })).toBeUndefined();
  expect(await failure({ password: 'wrong' })).toMatch(/\(603100\).*Check user name and password/);
  expect(await failure({})).toBeUndefined();
});

test('tables that somebody has locked hold no rule up, and what could not be read is told', async () => {
  const database = await newDatabase(
    bench.source,
    `create table t (id int primary key, b bytea); alter table t alter b set storage external;
     insert into t values (1, repeat('x', 2 * 1024 * 1024)::bytea); create sequence s`,
  );
  const client = await bench.source.connect(database);
  await client.query('begin; lock table t in access exclusive mode');
  try {
    expect(await checkDatabase(bench, database, { spec: ONLINE })).toEqual({
      'wide-rows': [
        {
          state: 'Warning',
          message: expect.stringMatching(/public\.t were not measured within the time/) as string,
        },
      ],
    });
  } finally {
    await client.end();
  }
  expect(await checkDatabase(bench, database, { spec: ONLINE })).toEqual({});
});

test('every rule has a test', () => {
  const tests = readSources()
    .filter(({ file }) => /^test\/checks\/[^/]+\.test\.ts$/.test(file))
    .map(({ text }) => text)
    .join('\n');
  const ids = [...SERVER_RULES, ...RESOURCE_RULES, ...DATABASE_RULES].map(({ id }) => id);
  expect(ids.filter((id) => !new RegExp(`'${id}'|"${id}"|'${id}:|\`${id}`).test(tests))).toEqual(
    [],
  );
});
