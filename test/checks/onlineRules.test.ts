import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { DATABASE_RULES, SERVER_RULES } from '../../shared/checks/registry.ts';
import type { CheckedSpec } from '../../shared/checks/rule.ts';
import { runRules } from '../../shared/checks/runRules.ts';
import type { RuleOutcome } from '../../shared/checks/runRules.ts';
import { connect } from '../../shared/pg/connect.ts';
import { endpointOf, startTestCluster } from '../pg/copy/copyPair.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster.stop());

const ONLINE: CheckedSpec = {
  mode: 'Online',
  includeTables: [],
  excludeTables: [],
  setReplicaIdentityFull: false,
};

const open = (database: string, user = 'postgres') =>
  connect(endpointOf(cluster, database, user), {
    applicationName: 'pgmove/test/checks',
    settings: { default_transaction_read_only: 'on' },
  });

/** Findings by the rule's id, of a new database. */
async function findings(
  sql: string,
  change: Partial<CheckedSpec> = {},
  options: { user?: string; create?: string } = {},
): Promise<Record<string, RuleOutcome['findings']>> {
  const database = `checks ${performance.now()}`;
  await cluster.run(`create database ${pg.escapeIdentifier(database)} ${options.create ?? ''}`);
  if (sql !== '') await cluster.run(sql, database);
  return await findingsIn(database, change, options);
}

async function findingsIn(
  database: string,
  change: Partial<CheckedSpec>,
  options: { user?: string } = {},
): Promise<Record<string, RuleOutcome['findings']>> {
  await using source = await open(database, options.user);
  await using target = await open('postgres');
  const found: Record<string, RuleOutcome['findings']> = {};
  const context = { database, spec: { ...ONLINE, ...change }, source, target };
  for (const outcome of await runRules(DATABASE_RULES, context)) {
    if (outcome.findings.length > 0) found[outcome.id] = outcome.findings;
  }
  expect((await target.query('select from pg_replication_slots')).rowCount).toBe(0);
  return found;
}

const KEYLESS = `create table fine (id int primary key);
  create table no_key (a int); create table late (id int primary key deferrable)`;

test('a database with nothing special has no findings, and offline none of these', async () => {
  expect(await findings('create table fine (id int primary key, t text)')).toEqual({});
  const special = `${KEYLESS}; create unlogged table u (a int); select lo_create(1);
    create table f (id int primary key, x float8)`;
  expect(await findings(special, { mode: 'Offline' })).toEqual({});
});

test('T2, T3: tables without a replica identity fail, and warn where FULL is wanted', async () => {
  const failed = await findings(KEYLESS);
  expect(failed['replica-identity']).toMatchObject([{ state: 'Failed' }]);
  const message = failed['replica-identity']?.[0]?.message;
  expect(message).toMatch(/public\.late has a deferrable primary key, public\.no_key has no prim/);
  const wanted = await findings(KEYLESS, { setReplicaIdentityFull: true });
  expect(wanted['replica-identity']).toMatchObject([{ state: 'Warning' }]);
  expect(await findings(KEYLESS, { excludeTables: ['late', 'no_*'] })).toEqual({});
  await cluster.run('create role reader login; grant pg_read_all_data to reader');
  const foreign = await findings(KEYLESS, { setReplicaIdentityFull: true }, { user: 'reader' });
  expect(foreign['replica-identity']).toMatchObject([
    { state: 'Failed', message: expect.stringMatching(/does not own public\.late/) as string },
  ]);
});

test('T45, T51: unlogged tables and large objects are told as work of the cutover', async () => {
  const found = await findings('create unlogged table u (a int); select lo_create(1)');
  expect(found).toMatchObject({
    'unlogged-tables': [{ state: 'Warning' }],
    'large-objects': [{ state: 'Warning' }],
  });
});

test('T4: float and numeric columns warn with a wal2json that cannot write NaN', async () => {
  const sql = `create domain price as numeric(8, 2); create domain amount as price;
    create table a (id int primary key, x amount); create table b (id int primary key, x float4);
    create table c (id int primary key, x int)`;
  const found = await findings(sql);
  expect(found).toMatchObject({ 'special-numbers': [{ state: 'Warning' }] });
  const message = found['special-numbers']?.[0]?.message;
  expect(message).toMatch(/wal2json writes NaN .*\(public\.a, public\.b\)/);
});

test('T8: an encoding that the stream cannot decode fails, SQL_ASCII warns', async () => {
  const inEncoding = async (encoding: string) =>
    (await findings('', {}, { create: `encoding '${encoding}' template template0` }))[
      'stream-encoding'
    ]?.map(({ state }) => state);
  expect(await inEncoding('EUC_JP')).toEqual(['Failed']);
  expect(await inEncoding('SQL_ASCII')).toEqual(['Warning']);
  expect(await inEncoding('LATIN1')).toBeUndefined();
});

test('T9: rows whose change is longer than a gigabyte of JSON are found without reading them', async () => {
  const megabytes = (count: number) => `repeat('x', ${count} * 1024 * 1024)`;
  await cluster.createDatabase('huge');
  await cluster.run(
    `create table wide (id int primary key, b bytea, t text);
     alter table wide alter b set storage external;
     insert into wide values (1, null, ${megabytes(2)}), (2, ${megabytes(2)}::bytea, null);
     create table huge (id int primary key, a text, b text);
     insert into huge values (1, ${megabytes(300)}, ${megabytes(300)});
     create table full_one (a text, b text, c text); alter table full_one replica identity full;
     insert into full_one select a, b, a from huge`,
    'huge',
  );
  const found = await findingsIn('huge', {});
  const byState = (state: string) =>
    found['wide-rows']?.filter((item) => item.state === state).map(({ message }) => message);
  expect(byState('Failed')).toEqual([expect.stringMatching(/^wide-rows: public\.full_one have/)]);
  expect(byState('Warning')).toEqual([expect.stringMatching(/^wide-rows: public\.huge have/)]);
  // The remedy: left out.
  expect(await findingsIn('huge', { excludeTables: ['huge', 'full_one'] })).toEqual({});
}, 60_000);

test("the server's rule: readiness as findings; what will be set later only warns", async () => {
  await using source = await open('postgres');
  const rule = SERVER_RULES.find(({ id }) => id === 'logical-replication');
  const check = (change: Partial<CheckedSpec>, databaseCount = 1) =>
    runRules([rule!], {
      spec: { ...ONLINE, ...change },
      source,
      target: source,
      databaseCount,
      ownSlots: [],
      isSetupWanted: true,
    }).then((outcomes) => outcomes.flatMap((outcome) => outcome.findings));
  expect(await check({})).toEqual([]);
  expect(await check({}, 500)).toMatchObject([{ state: 'Failed' }, { state: 'Failed' }]);
  expect(await check({ mode: 'Offline' }, 500)).toEqual([]);
});
