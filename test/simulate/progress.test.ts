import { expect, test } from 'vitest';
import { allUnits, simulatedPlan, unitCount } from '../../scripts/simulate/plans.ts';
import { createPlainView } from '../../scripts/simulate/progress.ts';
import { tablesOf } from '../../scripts/simulate/sizes.ts';

const START = { phase: 'preparing', databasesDone: 0, databases: 4, unitsDone: 0, units: 2_000 };

test('a line for each phase and every ten seconds, with what is left once that is known', () => {
  const lines: string[] = [];
  const view = createPlainView((line) => lines.push(line));
  view.update({ ...START, elapsedMs: 0 });
  for (let seconds = 1; seconds <= 30; seconds += 1) {
    const unitsDone = 10 * seconds;
    view.update({ ...START, phase: 'copying', unitsDone, elapsedMs: seconds * 1_000 });
  }
  view.update({ ...START, phase: 'ending', databasesDone: 4, unitsDone: 2_000, elapsedMs: 31_000 });
  view.end();
  expect(lines).toEqual([
    '[0 ms] preparing  0 of 4 databases  0 of 2,000 units',
    '[1.0 s] copying  0 of 4 databases  10 of 2,000 units',
    '[11.0 s] copying  0 of 4 databases  110 of 2,000 units',
    '[21.0 s] copying  0 of 4 databases  210 of 2,000 units  10 units/s  about 2:59 left',
    '[31.0 s] ending  4 of 4 databases  2,000 of 2,000 units',
  ]);
});

test('the units of a database are those that the lanes will claim', () => {
  const one = tablesOf({ databases: 1, tables: 500, bytes: 1e10 });
  const planned = (jobs: number, indexes: number) =>
    simulatedPlan(one, { spec: { mode: 'Offline', jobs }, jobs: 1, indexes });
  const alone = planned(1, 2);
  const large = alone.batches.map(alone.planOf).filter(({ hasIndexUnits }) => hasIndexUnits);
  expect(large.length).toBeGreaterThan(0);
  expect(unitCount(alone)).toBe(alone.batches.length + 3 * large.length);
  // A large table without an index is complete with its rows.
  expect(unitCount(planned(1, 0))).toBe(alone.batches.length);

  const helped = planned(8, 2);
  const tables = new Set(
    helped.batches.filter(({ kind }) => kind === 'part').map(({ items }) => items[0]?.oid),
  );
  expect(tables.size).toBeGreaterThan(0);
  expect(unitCount(planned(8, 0))).toBe(helped.batches.length + tables.size);
  expect(unitCount(helped)).toBe(helped.batches.length + 3 * large.length);

  // With one lane each database is planned for it alone; with four databases all four are for all jobs.
  expect(allUnits({ databases: 1, tables: 500, bytes: 1e10 }, 8, 2)).toBe(unitCount(helped));
  expect(allUnits({ databases: 4, tables: 2_000, bytes: 4e10 }, 8, 2)).toBe(4 * unitCount(helped));
  // Of many, none has a table that is too large for its part of the help.
  const many = { databases: 100, tables: 50_000, bytes: 1e12 };
  expect(allUnits(many, 8, 2)).toBe(100 * unitCount(alone));
});
