import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventLine } from '../../cli/events/eventLine.ts';
import { startEventReceiver } from '../../cli/events/eventReceiver.ts';
import type { ReceivedEvent } from '../../cli/events/eventReceiver.ts';
import { eventListSchema } from '../../shared/api/events.ts';
import type { EventList } from '../../shared/api/events.ts';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import { publishOutbox } from '../../shared/notifications/publisher.ts';
import { topicDestination } from '../../shared/notifications/topicDestination.ts';
import { webhookDestination } from '../../shared/notifications/webhookDestination.ts';
import { SERVER_PATH, startApi } from '../api/fixtures.ts';
import type { ApiFixture } from '../api/fixtures.ts';
import { sampleDatabase, sampleMigration, toArray } from '../state/fixtures.ts';
import { migrationWithEvents, publishAndDeliver, testDispatcher } from './support/deliveries.ts';
import { startSink } from './support/sink.ts';

let api: ApiFixture;

/** Where the API looks for the migrations of this server. */
const SCOPE = SERVER_PATH.toLowerCase()
  .split('/')
  .filter((_, at) => [2, 4, 8].includes(at))
  .join('/');

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

async function listOf(name: string, query = ''): Promise<{ status: number; body: EventList }> {
  const path = `${SERVER_PATH}/migrations/${name}/events`;
  const answer = await fetch(`${api.url}${path}?api-version=2025-08-01${query}`);
  return { status: answer.status, body: (await answer.json()) as EventList };
}

test('the log has each event with what became of it', async () => {
  await using sink = await startSinkUntilEnd();
  sink.answer = ({ events }) =>
    events.some(({ sequence }) => sequence === '000000000002') ? { status: 413 } : undefined;
  const settings = { secrets: ['a-secret-of-at-least-24-characters'], origin: 'pgmove' };
  const dispatcher = testDispatcher(api.stores, [
    topicDestination({ endpoint: sink.url, key: 'k' }),
    webhookDestination('http://127.0.0.1:1/', settings),
  ]);
  const record = await migrationWithEvents(api.stores, 3, SCOPE);
  await publishAndDeliver(dispatcher, record);
  await api.stores.events.noteProblem(record.ref.id, 'outbox', '2026-01-01T00:00:00.000Z');
  await api.stores.events.noteProblem(record.ref.id, 'outbox', '2026-01-02T00:00:00.000Z');
  const { status, body } = await listOf(record.ref.name);
  expect(status).toBe(200);
  expect(eventListSchema.strict().parse(body)).toEqual(body);
  expect(body.value.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(body.value[0]).not.toHaveProperty('undelivered');
  expect(body.value[1]?.undelivered).toMatchObject([
    { destination: 'topic', reason: 'It answered 413.' },
  ]);
  const { deliveries } = body;
  expect(deliveries.find(({ destination }) => destination === 'topic')).toMatchObject({
    deliveredSequence: 3,
    waiting: 0,
    refused: 1,
    failures: 0,
  });
  expect(deliveries.find(({ destination }) => destination !== 'topic')).toMatchObject({
    name: expect.stringMatching(/^webhook 127\.0\.0\.1:1 \([0-9a-f]{12}\)$/),
    deliveredSequence: 0,
    waiting: 3,
    failures: 1,
    error: expect.stringContaining('ECONNREFUSED'),
  });
  expect(body.problems).toEqual([
    { queue: 'outbox', count: 2, lastOn: '2026-01-02T00:00:00.000Z' },
  ]);
});

test('a page is what is asked for', async () => {
  const record = await migrationWithEvents(api.stores, 5, SCOPE);
  await publishOutbox(api.stores, [], { ref: record.ref });
  const { body } = await listOf(record.ref.name, '&after=1&$top=2');
  expect(body.value.map(({ sequence }) => sequence)).toEqual([2, 3]);
  expect(body.nextLink).toMatch(/after=3/);
  const end = await listOf(record.ref.name, '&after=4');
  expect(end.body.value.map(({ sequence }) => sequence)).toEqual([5]);
  expect(end.body).not.toHaveProperty('nextLink');
  expect((await listOf(record.ref.name, '&after=5')).body.value).toEqual([]);
  expect((await listOf(record.ref.name, '&after=x')).status).toBe(400);
  expect((await listOf(record.ref.name, '&$top=0')).status).toBe(400);
  expect((await listOf('nobody')).status).toBe(404);
});

test('what a database said before its migration drew the conclusion is numbered before it', async () => {
  const record = sampleMigration();
  const { ref } = record;
  await api.stores.migrations.create(record);
  await api.stores.databases.put(sampleDatabase(ref.id));
  const now = '2026-01-02T03:04:05.000Z';
  await api.stores.databases.update(ref.id, 'shop', (row) =>
    transitionDatabase(ref, row, 'Succeeded', now),
  );
  await api.stores.migrations.update(ref, (row) =>
    transitionMigration(row, { state: 'Succeeded', subState: 'Completed' }, now),
  );
  // The message about the migration's row overtakes the other one.
  await publishOutbox(api.stores, [], { ref });
  await publishOutbox(api.stores, [], { migrationId: ref.id, database: 'shop' });
  const events = await toArray(api.stores.events.list(ref.id));
  expect(events.map(({ event }) => event.type)).toEqual([
    'DatabaseStateChanged',
    'MigrationStateChanged',
    'MigrationSucceeded',
  ]);
});

const SECRET = 'a-secret-of-at-least-24-characters';

test('the receiver of the command line prints each event once, and refuses a wrong signature', async () => {
  const printed: ReceivedEvent[] = [];
  const refusals: string[] = [];
  await using receiver = await startEventReceiver({
    port: 0,
    secrets: ['the-old-secret-of-24-chars', SECRET],
    onEvent: (event) => void printed.push(event),
    onRefusal: (reason) => void refusals.push(reason),
  });
  const url = `http://127.0.0.1:${receiver.port}/`;
  const record = await migrationWithEvents(api.stores, 2);
  const forged = testDispatcher(api.stores, [
    webhookDestination(url, { secrets: ['another-secret-of-24-chars'], origin: 'x' }),
  ]);
  await publishAndDeliver(forged, record);
  expect(printed).toEqual([]);
  expect(refusals).toEqual(['Its signature is another one.']);
  const genuine = testDispatcher(api.stores, [
    webhookDestination(url, { secrets: [SECRET], origin: 'pgmove.example' }),
  ]);
  genuine.pass(60_000);
  await publishAndDeliver(genuine, record);
  expect(printed.map(({ data }) => data['sequence'])).toEqual([1, 2]);
  expect(eventLine(printed[0] as ReceivedEvent)).toBe(
    `#1 2026-01-02T03:04:05.000Z  ${record.ref.name}  CutoverReady  event 0`,
  );
});

test('without a secret it stands in for a topic', async () => {
  const printed: ReceivedEvent[] = [];
  const refusals: string[] = [];
  await using receiver = await startEventReceiver({
    port: 0,
    secrets: [],
    onEvent: (event) => void printed.push(event),
    onRefusal: (reason) => void refusals.push(reason),
  });
  const endpoint = `http://127.0.0.1:${receiver.port}/api/events`;
  const dispatcher = testDispatcher(api.stores, [topicDestination({ endpoint, key: 'any' })]);
  await publishAndDeliver(dispatcher, await migrationWithEvents(api.stores, 3));
  expect(printed.map(({ data }) => data['sequence'])).toEqual([1, 2, 3]);
  const again = await fetch(endpoint, { method: 'POST', body: JSON.stringify(printed) });
  expect([again.status, printed.length]).toEqual([200, 3]);
  const broken = await fetch(endpoint, { method: 'POST', body: '{"id":1}' });
  expect([broken.status, refusals]).toEqual([400, ['It is no CloudEvent in JSON.']]);
});

async function startSinkUntilEnd() {
  const sink = await startSink();
  return Object.assign(sink, { [Symbol.asyncDispose]: () => sink.stop() });
}
