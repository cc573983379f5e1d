import { expect, test } from 'vitest';
import { jobsToPlanFor } from '../../activities/steps/databasePlan.ts';

function planned(all: number, own: number, openDatabases?: number): number {
  return jobsToPlanFor({ spec: { mode: 'Offline', jobs: all }, jobs: own, openDatabases });
}

test('tables are split for the help that may come: all of it where few databases are open', () => {
  expect(planned(8, 8, 1)).toBe(8);
  expect(planned(8, 2, 4)).toBe(8);
  expect(planned(64, 4, 16)).toBe(16);
  expect(planned(64, 1, 64)).toBe(4);
  expect(planned(64, 1, 1_000)).toBe(1);
  // Never for fewer than its own.
  expect(planned(8, 2, 100)).toBe(2);
});

test('by a version that did not count the open databases, for all jobs', () => {
  expect(planned(8, 2)).toBe(8);
});

test('online nobody helps', () => {
  const spec = { mode: 'Online', jobs: 8 } as const;
  expect(jobsToPlanFor({ spec, jobs: 2, openDatabases: 1 })).toBe(2);
});
