import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { transitionMigration } from '../../shared/contracts/transitions.ts';
import { deliverEvents } from '../../shared/notifications/delivery.ts';
import { sweepDeliveries } from '../../shared/notifications/dispatch.ts';
import { publishOutbox, sweepOutboxes } from '../../shared/notifications/publisher.ts';
import { retireEvents } from '../../shared/notifications/retirement.ts';
import { topicDestination } from '../../shared/notifications/topicDestination.ts';
import { openStores } from '../../shared/state/stores.ts';
import { sampleMigration, startState, toArray } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';
import {
  addEvents,
  deliverAll,
  migrationWithEvents,
  publishAndDeliver,
  testDispatcher,
} from './support/deliveries.ts';
import { startSink } from './support/sink.ts';
import type { Sink, SinkAnswer } from './support/sink.ts';

let state: StateFixture;
let sink: Sink;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());
beforeEach(async () => {
  sink = await startSink();
});
afterEach(() => sink.stop());

const topic = () => topicDestination({ endpoint: sink.url, key: 'topic-key' });
const process = () => testDispatcher(state.stores, [topic()]);
const HOUR_MS = 60 * 60 * 1000;

const sequences = () => sink.taken.map(({ sequence }) => Number(sequence));
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** In the order of their numbers, each once: what a receiver makes of what came. */
function rebuilt(): number[] {
  return [...new Map(sink.taken.map((event) => [event.id, Number(event.sequence)])).values()].sort(
    (a, b) => a - b,
  );
}

test('a change of state comes to the topic as CloudEvents, in order, with its key', async () => {
  const dispatcher = process();
  const record = sampleMigration();
  await state.stores.migrations.create(record);
  await state.stores.migrations.update(record.ref, (row) =>
    transitionMigration(
      row,
      { state: 'Failed', subState: 'Completed', error: 'shop: broken' },
      '2026-01-02T03:04:05.000Z',
    ),
  );
  await publishAndDeliver(dispatcher, record);
  expect(await state.stores.migrations.outbox(record.ref)).toEqual([]);
  expect(sink.taken.map(({ type }) => type)).toEqual([
    'pgmove.PostgresMigration.MigrationStateChanged',
    'pgmove.PostgresMigration.MigrationFailed',
  ]);
  expect(sink.taken[0]).toMatchObject({
    specversion: '1.0',
    id: `${record.ref.id}.2.0`,
    source:
      '/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforPostgreSQL/flexibleServers/server',
    subject: `migrations/${record.ref.name}`,
    time: '2026-01-02T03:04:05.000Z',
    sequence: '000000000001',
    data: { state: 'Failed', previousState: 'InProgress', error: 'shop: broken', sequence: 1 },
  });
  const [request] = sink.requests;
  expect(request?.headers['aeg-sas-key']).toBe('topic-key');
  expect(request?.headers['content-type']).toMatch(/cloudevents-batch\+json/);
  expect(sink.requests).toHaveLength(1);
  await deliverAll(dispatcher, record);
  expect(sink.requests).toHaveLength(1);
});

describe('a topic that is down', () => {
  const answers: [string, SinkAnswer][] = [
    ['500', { status: 500 }],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '30' } }],
    ['401', { status: 401 }],
    ['404', { status: 404 }],
  ];
  test.each(answers)('for an hour with %s loses nothing', async (_name, answer) => {
    const dispatcher = process();
    sink.answer = () => answer;
    const record = await migrationWithEvents(state.stores, 3);
    await publishAndDeliver(dispatcher, record);
    // Nothing waits for the topic: the log and the next steps of the migration go on.
    expect(await state.stores.migrations.outbox(record.ref)).toEqual([]);
    for (let minute = 0; minute < 60; minute++) {
      dispatcher.pass(HOUR_MS / 60);
      if (minute % 10 === 0) {
        await addEvents(state.stores, record, 2);
        await publishAndDeliver(dispatcher, record);
      } else await deliverAll(dispatcher, record);
    }
    expect(sink.taken).toEqual([]);
    // Pauses grow, up to five minutes: it is not asked sixty times.
    expect(sink.requests.length).toBeGreaterThan(8);
    expect(sink.requests.length).toBeLessThan(30);
    const row = await state.stores.deliveries.get(record.ref.id, 'topic');
    expect(row).toMatchObject({ known: 15, done: 0, error: `It answered ${_name.slice(0, 3)}.` });
    await sweepDeliveries(dispatcher);
    expect(dispatcher.lines.find(({ message }) => message === 'events wait')?.fields).toMatchObject(
      { reason: row?.error },
    );
    sink.answer = () => undefined;
    dispatcher.pass(300_000);
    await deliverAll(dispatcher, record);
    expect(sequences()).toEqual(numbers(15));
  });

  test('by never answering is given up for the moment', async () => {
    const endpoint = { endpoint: sink.url, key: 'topic-key' };
    const silent = testDispatcher(state.stores, [topicDestination(endpoint, { timeoutMs: 300 })]);
    sink.answer = () => 'nothing';
    const record = await migrationWithEvents(state.stores, 2);
    await publishAndDeliver(silent, record);
    const row = await state.stores.deliveries.get(record.ref.id, 'topic');
    expect(row).toMatchObject({ known: 2, done: 0, failures: 1 });
    sink.answer = () => undefined;
    const dispatcher = process();
    dispatcher.pass(2_000);
    await deliverAll(dispatcher, record);
    expect(sequences()).toEqual(numbers(2));
  });

  test('asks for patience and gets it', async () => {
    const dispatcher = process();
    sink.answer = () => ({ status: 503, headers: { 'retry-after': '120' } });
    const record = await migrationWithEvents(state.stores, 1);
    await publishAndDeliver(dispatcher, record);
    dispatcher.pass(119_000);
    await deliverAll(dispatcher, record);
    expect(sink.requests).toHaveLength(1);
    dispatcher.pass(1_000);
    await deliverAll(dispatcher, record);
    expect(sink.requests).toHaveLength(2);
  });

  test('nobody listens there at all, and a sweep brings the events when somebody does', async () => {
    const { port } = sink;
    const dispatcher = process();
    await sink.stop();
    const record = await migrationWithEvents(state.stores, 2);
    await publishAndDeliver(dispatcher, record);
    const row = await state.stores.deliveries.get(record.ref.id, 'topic');
    expect(row?.error).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
    while ((await state.stores.queues.receive('event-deliveries', { max: 32 })).length > 0);
    sink = await startSink();
    const again = testDispatcher(state.stores, [topic()]);
    again.pass(60_000);
    await sweepDeliveries(again);
    const messages = await state.stores.queues.receive('event-deliveries', { max: 32 });
    const asked = messages.map(({ text }) => JSON.parse(text) as unknown);
    expect(asked).toContainEqual({ migrationId: record.ref.id, destination: 'topic' });
    await deliverAll(again, record);
    expect(sequences()).toEqual(numbers(2));
  });
});

describe('whatever happens in between', () => {
  test('events that were taken and whose answer was lost come again with the same ids', async () => {
    const dispatcher = process();
    const record = await migrationWithEvents(state.stores, 3);
    let count = 0;
    sink.answer = (request) => {
      count += 1;
      if (count > 1) return undefined;
      sink.taken.push(...request.events);
      return { status: 500 };
    };
    await publishAndDeliver(dispatcher, record);
    await addEvents(state.stores, record, 2);
    dispatcher.pass(2_000);
    await publishAndDeliver(dispatcher, record);
    expect(sequences()).toEqual([1, 2, 3, 1, 2, 3, 4, 5]);
    expect(rebuilt()).toEqual(numbers(5));
  });

  test('two processes at once keep the order, and send each event once', async () => {
    const record = await migrationWithEvents(state.stores, 5);
    const processes = [1, 2, 3].map(() => testDispatcher(openStores(state.settings), [topic()]));
    await Promise.all(processes.map((one) => publishAndDeliver(one, record)));
    await addEvents(state.stores, record, 5);
    await Promise.all(processes.map((one) => publishAndDeliver(one, record)));
    // One of them has the lease; what came in behind its back, it finds.
    expect(sequences()).toEqual(numbers(10));
  });

  test('a process that dies with the lease is followed by another one', async () => {
    const record = await migrationWithEvents(state.stores, 2);
    const dying = process();
    const [destination] = dying.destinations;
    if (destination === undefined) throw new Error('no topic');
    await publishOutbox(state.stores, dying.destinations, { ref: record.ref });
    await new Promise<void>((resolve) => {
      const send = () => {
        resolve();
        return new Promise<never>(() => undefined);
      };
      const { id } = record.ref;
      void deliverEvents({ ...dying, destination: { ...destination, send }, migrationId: id });
    });
    const next = process();
    await deliverAll(next, record);
    expect(sink.taken).toEqual([]);
    next.pass(60_000);
    await deliverAll(next, record);
    expect(sequences()).toEqual(numbers(2));
  });

  test('events of 150 rows that come at random, with a sink that fails at random, are all there', async () => {
    const dispatcher = process();
    const record = await migrationWithEvents(state.stores, 1);
    let seed = 4711;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    sink.answer = (request) => {
      const dice = random();
      if (dice < 0.3) return { status: dice < 0.15 ? 500 : 429 };
      // Taken, and the answer says otherwise.
      if (dice < 0.45) sink.taken.push(...request.events);
      return dice < 0.45 ? { status: 503 } : undefined;
    };
    for (let round = 0; round < 15; round++) {
      await addEvents(state.stores, record, 10);
      await publishAndDeliver(dispatcher, record);
      dispatcher.pass(20_000 * random());
    }
    sink.answer = () => undefined;
    dispatcher.pass(HOUR_MS);
    await deliverAll(dispatcher, record);
    expect(rebuilt()).toEqual(numbers(151));
  });
});

describe('what the topic refuses for good', () => {
  const refuseThe = (bad: readonly string[], status: number) => {
    sink.answer = ({ events }) =>
      events.some(({ sequence }) => bad.includes(sequence)) ? { status } : undefined;
  };

  test.each([400, 413])('%i: it is said, kept, and the ones behind it go on', async (status) => {
    const dispatcher = process();
    refuseThe(['000000000003', '000000000008'], status);
    const record = await migrationWithEvents(state.stores, 10);
    await publishAndDeliver(dispatcher, record);
    expect(sequences()).toEqual([1, 2, 4, 5, 6, 7, 9, 10]);
    const row = await state.stores.deliveries.get(record.ref.id, 'topic');
    expect(row).toMatchObject({ known: 10, done: 10, refused: 2, failures: 0 });
    const log = await toArray(state.stores.events.list(record.ref.id));
    expect(log).toHaveLength(10);
    const refused = log.filter(({ refusals }) => refusals.length > 0);
    expect(refused.map(({ sequence }) => sequence)).toEqual([3, 8]);
    expect(refused[0]?.refusals).toMatchObject([
      { destination: 'topic', reason: `It answered ${status}.` },
    ]);
    const said = dispatcher.lines.filter(({ level }) => level === 'error');
    expect(said.map(({ fields }) => fields.sequence)).toEqual([3, 8]);
  });

  test('a batch that is too large as a whole goes in halves', async () => {
    const dispatcher = process();
    sink.answer = ({ events }) => (events.length > 3 ? { status: 413 } : undefined);
    const record = await migrationWithEvents(state.stores, 25);
    await publishAndDeliver(dispatcher, record);
    expect(sequences()).toEqual(numbers(25));
    expect(dispatcher.lines).toEqual([]);
  });
});

describe('a migration that is purged', () => {
  test('keeps its events until the topic has them', async () => {
    const dispatcher = process();
    sink.answer = () => ({ status: 500 });
    const record = await migrationWithEvents(state.stores, 3);
    const { id } = record.ref;
    await publishAndDeliver(dispatcher, record);
    const now = new Date(dispatcher.clock()).toISOString();
    await retireEvents(state.stores, id, now);
    await state.stores.migrations.delete(record.ref);
    await sweepDeliveries(dispatcher);
    expect(await toArray(state.stores.events.list(id))).toHaveLength(3);
    sink.answer = () => undefined;
    dispatcher.pass(2_000);
    await deliverAll(dispatcher, record);
    expect(sequences()).toEqual(numbers(3));
    expect(await toArray(state.stores.events.list(id))).toEqual([]);
    expect(await state.stores.deliveries.list(id)).toEqual([]);
  });

  test('forgets them with the next sweep when the topic is not configured any more', async () => {
    const dispatcher = process();
    sink.answer = () => ({ status: 500 });
    const record = await migrationWithEvents(state.stores, 1);
    await publishAndDeliver(dispatcher, record);
    await retireEvents(state.stores, record.ref.id, new Date(dispatcher.clock()).toISOString());
    await sweepDeliveries(testDispatcher(state.stores, []));
    expect(await toArray(state.stores.events.list(record.ref.id))).toEqual([]);
  });

  test('leaves nothing when nobody is to get anything, and gives up after a week', async () => {
    const nobody = testDispatcher(state.stores, []);
    const silent = await migrationWithEvents(state.stores, 1);
    await publishAndDeliver(nobody, silent);
    await retireEvents(state.stores, silent.ref.id, '2026-01-01T00:00:00Z');
    expect(await toArray(state.stores.events.list(silent.ref.id))).toEqual([]);

    const dispatcher = process();
    sink.answer = () => ({ status: 404 });
    const record = await migrationWithEvents(state.stores, 1);
    await publishAndDeliver(dispatcher, record);
    const now = new Date(dispatcher.clock()).toISOString();
    await retireEvents(state.stores, record.ref.id, now);
    dispatcher.pass(8 * 24 * HOUR_MS);
    await sweepDeliveries(dispatcher);
    expect(await state.stores.deliveries.list(record.ref.id)).toEqual([]);
    expect(dispatcher.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

test('a row whose message was lost is swept', async () => {
  const dispatcher = process();
  const record = await migrationWithEvents(state.stores, 2);
  await sweepOutboxes(state.stores, dispatcher.destinations);
  await deliverAll(dispatcher, record);
  expect(sequences()).toEqual(numbers(2));
});
