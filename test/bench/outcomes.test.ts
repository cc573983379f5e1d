import { expect, test } from 'vitest';
import { parseBenchArguments } from '../../bench/arguments.ts';
import { median, orderOfRound } from '../../bench/measure.ts';
import { differences } from '../../bench/offline/inventory.ts';
import type { Inventory } from '../../bench/offline/inventory.ts';
import { judge } from '../../bench/offline/outcomes.ts';

test('the median of three is the one in the middle, of two their mean', () => {
  expect(median([9, 1, 4])).toBe(4);
  expect(median([3, 1])).toBe(2);
});

test('every second round runs backwards', () => {
  expect([0, 1, 2].map((round) => orderOfRound(['x', 'y'], round).join(''))).toEqual([
    'xy',
    'yx',
    'xy',
  ]);
});

test('a ratio between goal and limit is fine, above the limit a miss', () => {
  const verdictOf = (seconds: number[]): string | undefined =>
    judge(
      [{ kind: 'ratio', against: 'other', limit: 0.7, goal: 0.65 }],
      [
        { name: 'pgmove', seconds },
        { name: 'other', seconds: [100] },
      ],
    )[0]?.verdict;
  expect([[60], [68], [71], []].map(verdictOf)).toEqual(['goal', 'ok', 'miss', 'unknown']);
});

test('the memory of each process counts by itself', () => {
  const outcomes = judge(
    [{ kind: 'memory', limit: 250 }],
    [{ name: 'pgmove', seconds: [1], peakMegabytes: { host: 251, replicator: 90 } }],
  );
  expect(outcomes.map(({ what, verdict }) => `${what}: ${verdict}`)).toEqual([
    'memory of host: miss',
    'memory of replicator: goal',
  ]);
});

test('a run that lost a row, an index or statistics is found out', () => {
  const whole: Inventory = {
    rows: new Map([['note', 3]]),
    validIndexes: 1,
    constraints: 1,
    analyzed: 1,
  };
  expect(differences(whole, whole, 'everything')).toEqual([]);
  expect(differences(whole, { ...whole, rows: new Map() }, 'rows')).toEqual([
    'note: no table of 3 rows',
  ]);
  const bare = { ...whole, validIndexes: 0, analyzed: 0 };
  expect(differences(whole, bare, 'rows')).toEqual([]);
  expect(differences(whole, bare, 'everything')).toEqual([
    'validIndexes: 0 of 1',
    'analyzed: 0 of 1',
  ]);
});

test('arguments that make no sense are refused', () => {
  expect(parseBenchArguments(['offline', '--cases', 'a, d'])?.offlineCases).toEqual(['a', 'd']);
  expect(parseBenchArguments(['online'])?.onlineCases).toEqual(['a', 'b', 'c', 'd']);
  expect(() => parseBenchArguments(['offline', '--cases', 'z'])).toThrow('no case "z"');
  expect(() => parseBenchArguments(['offline', '--runs', '0'])).toThrow('--runs 0');
  expect(() => parseBenchArguments(['online', '--cases', 'm'])).toThrow('no case "m"');
  expect(() => parseBenchArguments(['sideways'])).toThrow('offline, online');
});
