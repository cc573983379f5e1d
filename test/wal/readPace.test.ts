import { expect, test } from 'vitest';
import { LONG_REST_MS, ReadPace } from '../../shared/wal/readPace.ts';

/** Reads what a source sends at a rate, for some time, and tells how long it rested before each read. */
function read(pace: ReadPace, source: Source, from: number, ms: number): number[] {
  const rests: number[] = [];
  let [now, last] = [from, from];
  while (now < from + ms) {
    const bytes = source(now - last, now);
    last = now;
    const rest = pace.restAfter(bytes, true, now);
    rests.push(rest);
    now += rest;
  }
  return rests;
}

type Source = (ms: number, now: number) => number;

const FAST = 50 * 1024;
const SLOW = 1024;

test('a reader rests long in a flood, and only there', () => {
  const pace = new ReadPace();
  const slow = read(pace, (ms) => ms * SLOW, 1_000, 100);
  expect(new Set(slow)).toEqual(new Set([1]));
  expect(pace.isFlood).toBe(false);
  const fast = read(pace, (ms) => ms * FAST, 1_100, 500);
  expect(fast.at(-1)).toBe(LONG_REST_MS);
  expect(fast.filter((rest) => rest < LONG_REST_MS).length).toBeLessThan(20);
  expect(pace.isFlood).toBe(true);
  const after = read(pace, (ms) => ms * SLOW, 1_600, 500);
  expect(after.filter((rest) => rest === LONG_REST_MS).length).toBeLessThan(10);
  expect(pace.isFlood).toBe(false);
});

test('a flood that follows another one after a while is one from its first rests on', () => {
  const pace = new ReadPace();
  read(pace, (ms) => ms * FAST, 1_000, 200);
  const again = read(pace, (ms, now) => (now < 5_001 ? 0 : ms * FAST), 5_000, 100);
  expect(again.filter((rest) => rest < LONG_REST_MS).length).toBeLessThan(15);
  expect(again.at(-1)).toBe(LONG_REST_MS);
});

test('one burst is no flood', () => {
  const pace = new ReadPace();
  const rests = read(pace, (ms, now) => (now === 1_050 ? FAST : ms * SLOW), 1_000, 200);
  expect(new Set(rests)).toEqual(new Set([1]));
});

test('where there is more to read, there is no rest', () => {
  const pace = new ReadPace();
  expect(pace.restAfter(256 * 1024, false, 1_000)).toBe(0);
  expect(pace.restAfter(256 * 1024, false, 1_001)).toBe(0);
  expect(pace.restAfter(1024, true, 1_002)).toBeGreaterThan(0);
});

test('a source whose buffers are too small for long rests is read in short ones', () => {
  const pace = new ReadPace();
  const held = 64 * 1024;
  const rests = read(pace, (ms) => Math.min(ms * FAST, held), 1_000, 2_000);
  const inVain = rests.filter((rest) => rest === LONG_REST_MS).length * LONG_REST_MS;
  expect(inVain).toBeGreaterThan(0);
  expect(inVain).toBeLessThan(2_000 / 4);
});

test('time in which the reader stood still for a reason of its own does not count', () => {
  const pace = new ReadPace();
  read(pace, (ms) => ms * FAST, 1_000, 200);
  pace.startAnew(5_000);
  expect(pace.restAfter(15 * FAST, true, 5_015)).toBe(LONG_REST_MS);
  expect(pace.isFlood).toBe(true);
});
