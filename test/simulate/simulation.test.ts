import { expect, test } from 'vitest';
import { report } from '../../scripts/simulate/report.ts';
import { simulate } from '../../scripts/simulate/simulate.ts';

/** What is replayed grows with the square of a history's length: docs/scale.md. */
const LONGEST_HISTORY = 250;

test('histories stay short, however many databases and tables there are', async () => {
  const size = { databases: 60, tables: 900, bytes: 6e10 };
  const outcome = await simulate({ size, jobs: 8, indexes: 2 });
  expect(outcome.state).toBe('Succeeded');
  const { functions } = outcome.counted;
  expect(functions['validateDatabase']?.count).toBe(60);
  expect(functions['completeDatabase']?.count).toBe(60);
  expect(functions['validationGroup']?.count).toBeGreaterThan(1);
  for (const [name, { longestHistory }] of Object.entries(functions)) {
    expect(longestHistory, name).toBeLessThan(LONGEST_HISTORY);
  }
  expect(report(outcome)).toContain('60 databases, 900 tables, 0.06 TB, 8 jobs: Succeeded');
});
