import { expect, test } from 'vitest';
import { report } from '../../scripts/simulate/report.ts';
import type { Outcome } from '../../scripts/simulate/report.ts';
import { simulate } from '../../scripts/simulate/simulate.ts';
import { tablesOf } from '../../scripts/simulate/sizes.ts';
import { planBatches } from '../../shared/pg/copy/plan.ts';

/** What is replayed grows with the square of a history's length: docs/scale.md. */
const LONGEST_HISTORY = 250;

/** A machine that is busy with other tests may take its time. */
const PATIENCE_MS = 300_000;

function expectShort({ state, counted }: Outcome): void {
  expect(state).toBe('Succeeded');
  for (const [name, { longestHistory }] of Object.entries(counted.functions)) {
    expect(longestHistory, name).toBeLessThan(LONGEST_HISTORY);
  }
}

test(
  'histories stay short with many databases',
  async () => {
    const size = { databases: 60, tables: 60, bytes: 6e8 };
    const outcome = await simulate({ size, jobs: 8, indexes: 2 });
    expectShort(outcome);
    const { functions } = outcome.counted;
    expect(functions['validateDatabase']?.count).toBe(60);
    expect(functions['completeDatabase']?.count).toBe(60);
    expect(functions['validationGroup']?.count).toBeGreaterThan(1);
  },
  PATIENCE_MS,
);

test(
  'histories stay short with many tables in a database',
  async () => {
    const size = { databases: 1, tables: 500, bytes: 1e10 };
    const outcome = await simulate({ size, jobs: 1, indexes: 2 });
    expectShort(outcome);
    expect(outcome.counted.functions['claimUnit']?.count).toBeGreaterThan(60);
    expect(report(outcome)).toContain('1 databases, 500 tables, 0.01 TB, 1 jobs: Succeeded');
  },
  PATIENCE_MS,
);

test(
  'tables are split for all jobs of the migration, as its real activity splits them',
  async () => {
    const size = { databases: 2, tables: 40, bytes: 4e9 };
    const jobs = 8;
    const batchCount = (planned: number) =>
      planBatches(tablesOf(size), { jobs: planned, serverVersion: 170000 }).length;
    // Else it would not matter for whom they are split.
    expect(batchCount(jobs)).toBeGreaterThan(batchCount(jobs / size.databases));
    const outcome = await simulate({ size, jobs, indexes: 2 });
    expectShort(outcome);
    const { functions } = outcome.counted;
    expect(functions['copyBatch']?.count).toBe(size.databases * batchCount(jobs));
    const large = size.databases * tablesOf(size).filter(({ bytes }) => bytes >= 2 ** 25).length;
    expect(functions['finishTable']?.count).toBe(large);
    expect(functions['buildIndex']?.count).toBe(2 * large);
  },
  PATIENCE_MS,
);
