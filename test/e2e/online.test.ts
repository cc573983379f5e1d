import { expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../shared/pg/connect.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { unfence } from '../../shared/pg/source/fence.ts';
import { BANK_SQL, startBankLoad } from './support/bank.ts';
import type { BankLoad } from './support/bank.ts';
import { differences, testMigration } from './support/migrations.ts';
import type { TestMigration, TestMigrationOptions } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

let counter = 0;

interface Online {
  database: string;
  migration: TestMigration;
  load: BankLoad;
}

async function bankDatabase(): Promise<string> {
  counter += 1;
  const database = `online_${counter}`;
  await source.createDatabase(database);
  await source.run(BANK_SQL, database);
  return database;
}

function online(options: Partial<TestMigrationOptions>): TestMigration {
  return testMigration({
    stack,
    source,
    target,
    ...options,
    properties: { migrationMode: 'Online', ...options.properties },
  });
}

/** A database under load that waits for its cutover. */
async function atTheGate(options: Partial<TestMigrationOptions> = {}): Promise<Online> {
  const database = await bankDatabase();
  const load = startBankLoad(source, database);
  const migration = online({ databases: [database], ...options });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  return { database, migration, load };
}

async function query<Row>(
  cluster: ThrowawayCluster,
  sql: string,
  database?: string,
): Promise<Row[]> {
  const client = await cluster.connect(database);
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Undoes the fence of a database that had the privileges of a new one. */
async function openSource(database: string): Promise<void> {
  const endpoint = await parseConnectionUri(source.uri(database));
  await using session = await connect(endpoint, { applicationName: 'pgmove/test' });
  await session.query('set default_transaction_read_only = off');
  const nothing = await unfence(session, { kind: 'fence', acl: null, readOnly: null, on: '' });
  expect(nothing).toEqual([]);
}

async function slotsOf(database: string): Promise<string[]> {
  const sql = `select slot_name as name from pg_replication_slots where database = '${database}'`;
  return (await query<{ name: string }>(source, sql)).map(({ name }) => name);
}

async function statusOf(migration: TestMigration, database: string) {
  const { properties } = await migration.get();
  return properties.currentStatus.currentSubStateDetails.dbDetails?.[database];
}

it('a database under load moves, is cut over behind a fence, and is equal', async () => {
  const { database, migration, load } = await atTheGate({
    properties: { fenceSource: 'True', verify: 'hash' },
  });
  await waitFor('some load', async () => Promise.resolve(load.committed > 200));
  expect((await migration.patch({ triggerCutover: 'True' })).status).toBe(200);
  const ended = await migration.ended();
  await load.stop();
  expect(ended.properties.currentStatus).toMatchObject({ state: 'Succeeded' });
  const details = await statusOf(migration, database);
  expect(details).toMatchObject({
    migrationState: 'Succeeded',
    cutover: { fenced: true },
    verification: { differences: [] },
  });
  await expect(source.run('create table x ()', database)).rejects.toThrow(/read-only/);
  await openSource(database);
  expect(await differences(source, target, database)).toEqual([]);
  expect(await slotsOf(database)).toEqual([]);
});

it('users without superuser on both sides, and a target where replica role may not be set', async () => {
  await source.run('create role mover login replication');
  await target.run('create role taker login createdb');
  const database = await bankDatabase();
  await source.run(
    `alter database ${database} owner to mover;
     do $$ declare r record; begin
       for r in select oid::regclass as t, relkind from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm', 'S')
           and not exists (select from pg_depend d where d.objid = pg_class.oid and deptype in ('i', 'a') and relkind = 'S') loop
         execute format('alter %s %s owner to mover',
           case r.relkind when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end, r.t);
       end loop; end $$;
     alter type mood owner to mover; alter function count_event owner to mover;
     alter large object 4711 owner to mover`,
    database,
  );
  const load = startBankLoad(source, database);
  const migration = online({
    databases: [database],
    users: { source: 'mover', target: 'taker' },
    properties: { migrationOption: 'ValidateAndMigrate' },
  });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  await waitFor('some load', () => Promise.resolve(load.committed > 100));
  await load.stop();
  await migration.patch({ triggerCutover: 'True' });
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
  const found = await differences(source, target, database);
  expect(found.filter((text) => !/ownership|privileges|owner/.test(text))).toEqual([]);
});

it('databases are cut over and canceled one by one', async () => {
  const [first, second] = [await bankDatabase(), await bankDatabase()];
  const migration = online({ databases: [first, second] });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  await migration.patch({ triggerCutover: 'True', dbsToTriggerCutoverOn: [first] });
  await waitFor('the first database', async () => {
    return (await statusOf(migration, first))?.migrationState === 'Succeeded';
  });
  expect(await statusOf(migration, second)).toMatchObject({
    migrationState: 'WaitingForCutoverTrigger',
  });
  const again = await migration.patch({ triggerCutover: 'True', dbsToTriggerCutoverOn: [first] });
  expect(again).toMatchObject({ status: 409, body: { error: { message: /603113/ } } });
  await migration.patch({ cancel: 'True', dbsToCancelMigrationOn: [second] });
  await migration.ended();
  expect(await statusOf(migration, second)).toMatchObject({ migrationState: 'Canceled' });
  expect(await differences(source, target, first)).toEqual([]);
  await waitFor('the slot to go', async () => (await slotsOf(second)).length === 0);
});

it('a cutover that fails goes back to replicating, and can be asked for again', async () => {
  const { database, migration, load } = await atTheGate({ properties: { fenceSource: 'True' } });
  await source.run('create table newcomer (id int primary key)', database);
  await migration.patch({ triggerCutover: 'True' });
  const failed = await waitFor('the failure', async () => {
    const status = await statusOf(migration, database);
    return status?.message?.includes('newcomer') === true ? status : undefined;
  });
  expect(failed).toMatchObject({ migrationState: 'WaitingForCutoverTrigger' });
  const before = load.committed;
  await waitFor('the load to go on', () => Promise.resolve(load.committed > before + 50));
  await source.run('drop table newcomer', database);
  await load.stop();
  await migration.patch({ triggerCutover: 'True' });
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
  await openSource(database);
  expect(await differences(source, target, database)).toEqual([]);
});

it('what cannot be applied stops the database by name, and is resumed after the fix', async () => {
  const { database, migration, load } = await atTheGate();
  await load.stop();
  await target.run('delete from acc_a where id = 7', database);
  await source.run('update acc_a set bal = bal where id = 7', database);
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus).toMatchObject({ state: 'Failed' });
  expect(currentStatus.error).toMatch(/public\.acc_a.*7/);
  expect(await slotsOf(database)).toHaveLength(1);
  const [{ bal } = { bal: 0 }] = await query<{ bal: number }>(
    source,
    'select bal from acc_a where id = 7',
    database,
  );
  await target.run(`insert into acc_a values (7, ${bal})`, database);
  expect((await migration.post('resume')).status).toBe(200);
  await migration.waitForSubState('WaitingForCutoverTrigger');
  await migration.patch({ triggerCutover: 'True' });
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, database)).toEqual([]);
});

it.skipIf(OUTSIDE_URL !== undefined)(
  'a slot that is lost is said, and a resume copies again',
  async () => {
    const { database, migration, load } = await atTheGate();
    await stack.kill('replicator');
    const [slot] = await slotsOf(database);
    await waitFor('the slot to be free', () =>
      query(source, `select pg_drop_replication_slot('${slot}')`).catch(() => undefined),
    );
    await source.run(`select pg_create_logical_replication_slot('${slot}', 'wal2json')`, database);
    await stack.start('replicator');
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus).toMatchObject({ state: 'Failed', error: /slot/ });
    await migration.post('resume');
    await migration.waitForSubState('WaitingForCutoverTrigger');
    await load.stop();
    await migration.patch({ triggerCutover: 'True' });
    expect((await migration.ended()).properties.currentStatus).toMatchObject({
      state: 'Succeeded',
    });
    expect(await differences(source, target, database)).toEqual([]);
  },
);

it.skipIf(OUTSIDE_URL !== undefined).each(['replicator', 'host', 'azurite'] as const)(
  'a %s that is killed while changes are replicated loses nothing',
  async (part) => {
    const { database, migration, load } = await atTheGate();
    await stack.kill(part);
    const before = load.committed;
    await waitFor('load meanwhile', () => Promise.resolve(load.committed > before + 100));
    await stack.start(part);
    await load.stop();
    await waitFor('an answer', () =>
      migration.patch({ triggerCutover: 'True' }).catch(() => undefined),
    );
    expect((await migration.ended()).properties.currentStatus).toMatchObject({
      state: 'Succeeded',
    });
    expect(await differences(source, target, database)).toEqual([]);
  },
);

it.each(['source', 'target'] as const)('a %s that crashes loses nothing', async (side) => {
  const { database, migration, load } = await atTheGate();
  const cluster = side === 'source' ? source : target;
  await cluster.crash();
  await cluster.start();
  await load.stop();
  const more = startBankLoad(source, database);
  await waitFor('load after the crash', () => Promise.resolve(more.committed > 100));
  await more.stop();
  await migration.patch({ triggerCutover: 'True' });
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
  // A crash empties unlogged tables: on the source of this one, before they were copied again.
  expect(await differences(source, target, database)).toEqual([]);
});

it('a cancel leaves nothing on the source, and the target as it is', async () => {
  const database = await bankDatabase();
  await source.run('create table keyless (v int); insert into keyless values (1)', database);
  const identity = async () => {
    const sql = "select relreplident::text as kind from pg_class where relname = 'keyless'";
    return (await query<{ kind: string }>(source, sql, database))[0]?.kind;
  };
  const migration = online({
    databases: [database],
    properties: { setReplicaIdentityFull: 'True' },
  });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  expect(await identity()).toBe('f');
  await migration.patch({ cancel: 'True' });
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Canceled' });
  expect(await identity()).toBe('d');
  await waitFor('the slot to go', async () => (await slotsOf(database)).length === 0);
  expect(await query(target, 'select from acc_a', database)).toHaveLength(50);
});

it('a slot that waits for an open transaction says for which', async () => {
  const database = await bankDatabase();
  const blocker = await source.connect(database);
  await blocker.query("begin; select pg_current_xact_id(); set application_name = 'night shift'");
  const migration = online({ databases: [database] });
  await migration.put();
  await waitFor('the name of the blocker', async () =>
    String((await statusOf(migration, database))?.['migrationOperation']).includes('night shift'),
  );
  await blocker.query('commit');
  await blocker.end();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  await migration.patch({ triggerCutover: 'True' });
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
});
