import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { EventList } from '../../shared/api/events.ts';
import { readSettings } from '../../shared/config/settings.ts';
import type { CloudEvent } from '../../shared/notifications/cloudEvent.ts';
import { openStores } from '../../shared/state/stores.ts';
import { requireInCatalogue } from '../notifications/support/catalogue.ts';
import { startSink } from '../notifications/support/sink.ts';
import type { Sink } from '../notifications/support/sink.ts';
import { testMigration } from './support/migrations.ts';
import type { TestMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const SECRET = 'a-secret-of-at-least-24-characters';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;
let topic: Sink;
let listener: { process: ChildProcess; url: string; lines: string[] };

/** `pgmove events listen`, which the stack delivers to. */
async function startListener(): Promise<typeof listener> {
  const args = [CLI, 'events', 'listen', '--port', '0', '--secret', SECRET, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const [said] = (await once(createInterface({ input: child.stderr }), 'line')) as [string];
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(said)?.[0];
  if (url === undefined) throw new Error(said);
  return { process: child, url, lines };
}

beforeAll(async () => {
  [topic, listener] = await Promise.all([startSink(), startListener()]);
  Object.assign(process.env, {
    EVENT_GRID_TOPIC_ENDPOINT: topic.url,
    EVENT_GRID_TOPIC_KEY: 'topic-key',
    PGMOVE_WEBHOOKS: listener.url,
    PGMOVE_WEBHOOK_SECRET: SECRET,
    PGMOVE_LATENCY_WARNING_SECONDS: '1',
    PGMOVE_SLOT_WARNING_MB: '1',
  });
});
useTestSite((site) => {
  ({ source, target, stack } = site);
});
afterAll(async () => {
  listener.process.kill('SIGINT');
  const [code] = (await once(listener.process, 'exit')) as [number | null];
  await topic.stop();
  expect(code).toBe(0);
});

async function eventsOf(migration: TestMigration, query = ''): Promise<EventList> {
  const answer = await fetch(`${migration.url}/events?api-version=2025-08-01${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as EventList;
}

const shortType = ({ type }: { type: string }) => type.replace('pgmove.PostgresMigration.', '');

/** Two databases, one with a table whose rows the target refuses at first. */
async function failingMigration(): Promise<TestMigration> {
  await source.createDatabase('calm');
  await source.run('create table t (id int primary key); insert into t values (1)', 'calm');
  await source.createDatabase('broken db');
  await source.run(
    `create table fine (id int primary key); insert into fine select generate_series(1, 50);
     create function public.here() returns boolean language sql as
       $$ select current_setting('pgmove_test.broken', true) is distinct from 'yes' $$;
     create table bad (id int primary key, check (public.here()));
     insert into bad select generate_series(4711, 4720);`,
    'broken db',
  );
  await target.createDatabase('broken db');
  await target.run(`alter database "broken db" set pgmove_test.broken = 'yes'`);
  const databases = ['calm', 'broken db'];
  const properties = { migrationOption: 'ValidateAndMigrate' };
  return testMigration({ stack, source, target, databases, properties });
}

// A service from outside delivers elsewhere.
test.skipIf(OUTSIDE_URL !== undefined)(
  'a migration that fails and is resumed is told from its beginning to its end',
  async () => {
    const migration = await failingMigration();
    const { properties } = await migration.put();
    const stores = openStores(readSettings({ AzureWebJobsStorage: stack.storage }));
    // A message that no attempt can read, while everything else goes on.
    const migrationId = String(properties['migrationId']);
    await stores.queues.send('outbox', JSON.stringify({ migrationId, database: 5 }));
    expect((await migration.ended()).properties.currentStatus.state).toBe('Failed');
    await target.run('alter database "broken db" reset pgmove_test.broken');
    expect((await migration.post('resume')).status).toBe(200);
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');

    const isOwn = ({ data }: { data: Record<string, unknown> }) =>
      data['migrationId'] === migrationId;
    const log = await waitFor('everything to be delivered', async () => {
      const list = await eventsOf(migration);
      const isDone = list.value.some((event) => shortType(event) === 'MigrationSucceeded');
      const isDelivered = list.deliveries.every(({ waiting }) => waiting === 0);
      const heard = listener.lines.length >= list.value.length;
      return isDone && isDelivered && heard ? list : undefined;
    });
    const { value } = log;
    expect(value.map(({ sequence }) => sequence)).toEqual(value.map((_, index) => index + 1));
    value.forEach((event) => requireInCatalogue({ type: shortType(event), data: event.data }));

    // The story, in its order.
    const types = value
      .filter((event) => shortType(event) !== 'MigrationStateChanged')
      .map(shortType);
    expect(types[0]).toBe('MigrationCreated');
    expect(types.filter((type) => type === 'ValidationCompleted')).toHaveLength(2);
    expect(types.filter((type) => type === 'TableFailed')).toHaveLength(1);
    expect(types.indexOf('TableFailed')).toBeLessThan(types.indexOf('MigrationFailed'));
    expect(types.at(-1)).toBe('MigrationSucceeded');
    expect(value.find((event) => shortType(event) === 'TableFailed')?.data).toMatchObject({
      databaseName: 'broken db',
      schema: 'public',
      table: 'bad',
      error: expect.stringContaining('public.bad'),
    });
    expect(value.find((event) => shortType(event) === 'MigrationFailed')?.data).toMatchObject({
      errorCode: 'tablesFailed',
      counters: { databases: 2, databasesSucceeded: 1, databasesFailed: 1, tablesFailed: 1 },
    });
    expect(value.at(-1)?.data).toMatchObject({
      state: 'Succeeded',
      counters: { databasesSucceeded: 2, tablesFailed: 0 },
    });
    // Never a row's value.
    expect(JSON.stringify(value)).not.toMatch(/47(1[1-9]|20)/);

    // Topic and webhook have the same, in the same order, each event once.
    const expected = value.map(({ id, sequence }) => ({ id, sequence }));
    const told = (events: readonly CloudEvent[]) =>
      events.filter(isOwn).map(({ id, sequence }) => ({ id, sequence: Number(sequence) }));
    expect(told(topic.taken)).toEqual(expected);
    expect(told(listener.lines.map((line) => JSON.parse(line) as CloudEvent))).toEqual(expected);

    // Subjects can be filtered: by prefix the migration, by suffix the database.
    const subject = `migrations/${migration.name}`;
    expect(topic.taken.every((event) => event.subject.startsWith(subject))).toBe(true);
    const ofBroken = value.filter((event) => event.subject.endsWith('/databases/broken%20db'));
    expect(ofBroken.map(shortType)).toEqual([
      'TableFailed',
      'DatabaseStateChanged',
      'DatabaseStateChanged',
      'DatabaseStateChanged',
    ]);
    expect(ofBroken.map(({ data }) => data['state'] ?? 'table')).toEqual([
      'table',
      'Failed',
      'InProgress',
      'Succeeded',
    ]);

    // The log page by page, and what is new only.
    const firstPage = await eventsOf(migration, '&$top=2');
    expect(firstPage.value.map(({ sequence }) => sequence)).toEqual([1, 2]);
    const next = (await (await fetch(firstPage.nextLink ?? '')).json()) as EventList;
    expect(next.value.map(({ sequence }) => sequence)).toEqual([3, 4]);
    const rest = await eventsOf(migration, `&after=${value.length - 1}`);
    expect(rest.value.map(shortType)).toEqual(['MigrationSucceeded']);
    expect(rest.nextLink).toBeUndefined();

    const args = ['events', 'list', migration.name, '-s', 'e2e', '-g', 'test', '--url', stack.url];
    const cli = spawn(process.execPath, [CLI, ...args], { cwd: path.dirname(CLI) });
    let printed = '';
    cli.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    await once(cli, 'close');
    expect(printed).toMatch(/^1 .*MigrationCreated/m);
    expect(printed).toMatch(/TableFailed .*public\.bad/);

    // The message that nobody could read was given up, and is told of.
    const { problems } = await waitFor('the message to be given up', async () => {
      const list = await eventsOf(migration);
      return list.problems.length > 0 ? list : undefined;
    });
    expect(problems).toMatchObject([{ queue: 'outbox', count: 1 }]);
    expect(await stack.wholeLog('host')).toContain('queue message given up');

    // Everybody has the events: a purge takes them along.
    expect((await migration.post('purge')).status).toBe(202);
    await waitFor('the migration to be gone', async () => {
      const { status } = await fetch(`${migration.url}?api-version=2025-08-01`);
      return status === 404;
    });
    expect(await stores.events.page(migrationId, { after: 0, top: 1 })).toEqual([]);
    expect(await stores.deliveries.list(migrationId)).toEqual([]);
  },
);

/** A database that is replicated and waits for its cutover. */
async function migrationAtGate(database: string): Promise<TestMigration> {
  await source.createDatabase(database);
  await source.run(
    `create table t (id int primary key, v text);
     alter table t alter v set storage external;
     insert into t values (1)`,
    database,
  );
  const properties = { migrationMode: 'Online' };
  const migration = testMigration({ stack, source, target, databases: [database], properties });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  return migration;
}

const named = (migration: TestMigration, type: string) =>
  waitFor(type, async () => {
    const { value } = await eventsOf(migration);
    return value.find((event) => shortType(event) === type);
  });

test.skipIf(OUTSIDE_URL !== undefined)(
  'an online migration tells of thresholds and cutovers',
  async () => {
    const database = 'online_events';
    const migration = await migrationAtGate(database);
    const onTarget = await target.connect(database);
    const onSource = await source.connect(database);
    // The apply waits, and the slot keeps what an open transaction may still need.
    await onTarget.query('begin; lock table t in access exclusive mode');
    await onSource.query('begin; select txid_current()');
    await source.run(
      'insert into t select i, repeat(md5(i::text), 100) from generate_series(2, 1000) i',
      database,
    );
    const late = await named(migration, 'LatencyThresholdExceeded');
    expect(late.data).toMatchObject({ databaseName: database, thresholdSeconds: 1 });
    expect(Number(late.data['latencySeconds'])).toBeGreaterThan(1);
    const full = await named(migration, 'SlotThresholdExceeded');
    expect(Number(full.data['retainedBytes'])).toBeGreaterThan(1024 ** 2);
    await onTarget.query('commit');
    await onSource.query('commit');
    await Promise.all([onTarget.end(), onSource.end()]);

    await source.run('create table unexpected ()', database);
    await migration.patch({ triggerCutover: 'True' });
    const failed = await named(migration, 'CutoverFailed');
    expect(failed.data['error']).toMatch(/unexpected/);
    await source.run('drop table unexpected', database);
    await migration.waitForSubState('WaitingForCutoverTrigger');
    await migration.patch({ triggerCutover: 'True' });
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
    await named(migration, 'MigrationSucceeded');

    const { value } = await eventsOf(migration);
    value.forEach((event) => requireInCatalogue({ type: shortType(event), data: event.data }));
    expect(value.map(({ sequence }) => sequence)).toEqual(value.map((_, index) => index + 1));
    const ofDatabase = value.filter(({ subject }) => subject.endsWith(`/databases/${database}`));
    const types = ofDatabase.map(shortType).filter((type) => !type.endsWith('ThresholdExceeded'));
    expect(types).toEqual([
      'DatabaseStateChanged',
      'CutoverReady',
      'DatabaseStateChanged',
      'CutoverStarted',
      'CutoverFailed',
      'DatabaseStateChanged',
      'CutoverReady',
      'DatabaseStateChanged',
      'CutoverStarted',
      'DatabaseStateChanged',
    ]);
    const ofMigration = value.filter(({ subject }) => subject === `migrations/${migration.name}`);
    expect(ofMigration.filter((event) => shortType(event) === 'CutoverReady')).toHaveLength(2);
  },
);
