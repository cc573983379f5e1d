import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClients } from '../../shared/state/clients.ts';
import { openSampleStore } from '../../shared/state/sampleStore.ts';
import { startState } from './fixtures.ts';
import type { StateFixture } from './fixtures.ts';

let state: StateFixture;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());

const DAY_SECONDS = 24 * 60 * 60;
const BEGIN = Date.parse('2026-01-01T00:00:00Z');

/** A store under a clock that only moves when it is told to. */
function storeAt() {
  const clock = { now: BEGIN };
  const store = openSampleStore(openClients(state.settings), () => clock.now);
  return { clock, store, id: randomUUID() };
}

test('most calls write nothing; the last figures are written in any case', async () => {
  const { clock, store, id } = storeAt();
  await store.note(id, 'shop', { rows: 1 });
  clock.now += 4_000;
  await store.note(id, 'shop', { rows: 2 });
  expect(await store.list(id, 'shop')).toEqual([{ time: '2026-01-01T00:00:00.000Z', rows: 1 }]);
  await store.note(id, 'shop', { rows: 3 }, true);
  clock.now += 6_000;
  await store.note(id, 'shop', { rows: 4 });
  expect(await store.list(id, 'shop')).toEqual([
    { time: '2026-01-01T00:00:00.000Z', rows: 3 },
    { time: '2026-01-01T00:00:10.000Z', rows: 4 },
  ]);
  expect(await store.list(id, 'shop', '2026-01-01T00:00:00Z')).toHaveLength(1);
  expect(await store.list(id, 'shop2')).toEqual([]);
});

test('figures of two processes are one sample, whatever their sizes', async () => {
  const { store, id } = storeAt();
  const other = storeAt().store;
  await store.note(id, 'shop', { rows: 2 ** 52, bytes: 0 });
  await other.note(id, 'shop', { latencySeconds: 0.1, slotBytes: 2 ** 45, lagBytes: 2 ** 33 });
  expect(await store.list(id, 'shop')).toEqual([
    {
      time: '2026-01-01T00:00:00.000Z',
      rows: 2 ** 52,
      bytes: 0,
      latencySeconds: 0.1,
      slotBytes: 2 ** 45,
      lagBytes: 2 ** 33,
    },
  ]);
});

test('weeks stay below a thousand samples, evenly spread, also when the process changes', async () => {
  const { clock, store, id } = storeAt();
  let writer = store;
  const seconds = 3 * 7 * DAY_SECONDS;
  for (let second = 0; second < seconds; second += 900) {
    clock.now = BEGIN + second * 1000;
    if (second === 10 * DAY_SECONDS) {
      const next = openSampleStore(openClients(state.settings), () => clock.now);
      writer = next;
    }
    await writer.note(id, 'shop', { rows: second });
  }
  const samples = await store.list(id, 'shop');
  expect(samples.length).toBeLessThanOrEqual(1_001);
  expect(samples.length).toBeGreaterThan(450);
  const times = samples.map(({ time }) => Date.parse(time));
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  // The longest sample so far stands for 256 times ten seconds, and a note comes every 15 minutes.
  expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * 2_560_000);
  expect(times[0]).toBeLessThan(BEGIN + 2 * 2_560_000);
  expect(samples.map(({ rows }) => rows)).toEqual(
    samples.map(({ rows }) => rows).sort((a, b) => (a ?? 0) - (b ?? 0)),
  );
  await store.deleteAll(id, 'shop');
  expect(await store.list(id, 'shop')).toEqual([]);
});

test('a storage that is away fails nobody', async () => {
  const settings = {
    ...state.settings,
    storage: { kind: 'connectionString', connectionString: 'UseDevelopmentStorage=nothing' },
  } as const;
  const store = openSampleStore(openClients(settings));
  await expect(store.note('a', 'b', { rows: 1 })).resolves.toBeUndefined();
});
