import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openThresholdWatch } from '../../replicator/thresholdWatch.ts';
import type { ReplicationRecord, StreamStatus } from '../../shared/contracts/records.ts';
import { sampleDatabase, sampleMigration, startState } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';
import { requireInCatalogue } from './support/catalogue.ts';

let state: StateFixture;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());

const MB = 1024 ** 2;
const THRESHOLDS = { latencyWarningSeconds: 60, slotWarningBytes: 100 * MB };

function statusOf(latencySeconds: number, retainedBytes: number): StreamStatus {
  return {
    slot: 'pgmove_shop',
    consistentPoint: '0/1',
    receivedLsn: '0/1',
    appliedLsn: '0/1',
    latencySeconds,
    lagBytes: 12,
    retainedBytes,
    transactions: 0,
    incomingChanges: 0,
    appliedChanges: 0,
    inserts: 0,
    updates: 0,
    deletes: 0,
    truncates: 0,
    tablesPending: 0,
    tablesCopying: 0,
    tablesReady: 1,
    unplannedTables: [],
    warnings: [],
    updatedOn: '2026-01-01T00:00:00.000Z',
  };
}

/** A stream whose reports the test makes up. */
async function watched(thresholds = THRESHOLDS) {
  const { ref } = sampleMigration();
  await state.stores.databases.put(sampleDatabase(ref.id));
  const record: ReplicationRecord = {
    ref,
    database: 'shop',
    desired: { phase: 'released' },
    observed: { phase: 'none' },
    waitingInstanceId: '',
  };
  const begin = () => openThresholdWatch(state.stores, thresholds, pino({ level: 'silent' }));
  let watch = begin();
  return {
    restart: () => (watch = begin()),
    report: (latency: number, retained: number) =>
      watch.look(record, { stage: 'consistent', status: statusOf(latency, retained) }),
    row: () => state.stores.databases.get(ref.id, 'shop'),
    told: async () => {
      const outbox = await state.stores.databases.outbox(ref.id, 'shop');
      outbox.forEach(({ event }) => requireInCatalogue(event));
      return outbox.map(({ event }) => event);
    },
  };
}

test('each crossing is told once, also around the threshold and by another replicator', async () => {
  const stream = await watched();
  for (const latency of [10, 59, 60, 61, 59, 61, 40, 300, 31]) await stream.report(latency, 0);
  stream.restart();
  for (const latency of [500, 61]) await stream.report(latency, 0);
  expect(await stream.told()).toMatchObject([
    {
      type: 'LatencyThresholdExceeded',
      data: { latencySeconds: 61, thresholdSeconds: 60, lagBytes: 12, stage: 'consistent' },
    },
  ]);
  expect((await stream.row())?.beyond?.latencySince).toBeDefined();
  for (const latency of [29, 61, 20]) await stream.report(latency, 0);
  expect(await stream.told()).toHaveLength(2);
  expect((await stream.row())?.beyond).toEqual({});
});

test('a slot is a threshold of its own', async () => {
  const stream = await watched();
  await stream.report(61, 101 * MB);
  await stream.report(10, 99 * MB);
  await stream.report(61, 101 * MB);
  expect((await stream.told()).map(({ type }) => type)).toEqual([
    'LatencyThresholdExceeded',
    'SlotThresholdExceeded',
    'LatencyThresholdExceeded',
  ]);
  expect((await stream.told())[1]).toMatchObject({
    subject: expect.stringMatching(/^migrations\/m-.*\/databases\/shop$/),
    data: { slot: 'pgmove_shop', retainedBytes: 101 * MB, thresholdBytes: 100 * MB },
  });
});

test('zero switches a threshold off', async () => {
  const stream = await watched({ latencyWarningSeconds: 0, slotWarningBytes: 0 });
  await stream.report(1e6, 1e12);
  expect(await stream.told()).toEqual([]);
});
