import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { curveReporter } from '../../activities/steps/copyCurve.ts';
import type { CopyWork } from '../../shared/contracts/copyWork.ts';
import { startState } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';

let state: StateFixture;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());

function workOf(migrationId: string): CopyWork {
  return {
    migrationId,
    database: 'shop',
    owner: 'o',
    generation: 2,
    snapshot: 's',
    batchCount: 2,
    nextBatch: 1,
    followUps: [],
    lanes: { a: { sequence: 1, unit: { kind: 'batch', batch: 0, attempt: 0 } } },
    partsDone: {},
    indexesOpen: {},
    broken: {},
    counters: {
      queuedTables: 2,
      loadingTables: 0,
      completedTables: 0,
      erroredTables: 0,
      rowsCopied: 3,
      bytesCopied: 1_000,
    },
    failures: [],
    reportedOn: '2026-01-01T00:00:00.000Z',
  };
}

test('a batch that takes long is seen in the curve, ten seconds after it began', async () => {
  const { stores } = state;
  const migrationId = randomUUID();
  await stores.copyWork.put(workOf(migrationId));
  const clock = { now: 0 };
  const begin = (batch: number, generation = 2) =>
    curveReporter(stores, { migrationId, database: 'shop', generation, batch }, () => clock.now);
  const report = begin(0);
  const [ofOtherBatch, ofOldCopy] = [begin(1), begin(0, 1)];
  report(5);
  clock.now = 10_000;
  ofOtherBatch(70);
  ofOldCopy(80);
  report(200);
  report(300);
  const bytesOfLane = async () =>
    (await stores.copyWork.get(migrationId, 'shop'))?.lanes['a']?.bytes;
  await expect.poll(bytesOfLane, { timeout: 20_000 }).toBe(200);
  const last = async () => (await stores.samples.list(migrationId, 'shop')).at(-1);
  await expect.poll(last, { timeout: 20_000 }).toMatchObject({ rows: 3 });
});

test('a row that is gone is no failure', () => {
  const batch = { migrationId: randomUUID(), database: 'shop', generation: 1, batch: 0 };
  const clock = { now: 0 };
  const report = curveReporter(state.stores, batch, () => clock.now);
  clock.now = 10_000;
  expect(() => report(1)).not.toThrow();
});
