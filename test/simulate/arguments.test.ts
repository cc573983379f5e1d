import { expect, test } from 'vitest';
import { parseSimulationArguments } from '../../scripts/simulate/arguments.ts';

test('the size, its default and its units', () => {
  expect(parseSimulationArguments([])).toEqual({
    size: { databases: 100, tables: 10_000, bytes: 1e12 },
    jobs: 16,
    indexes: 2,
  });
  const args = ['--databases', '2', '--tables', '2', '--terabytes', '0.5', '--indexes', '0'];
  expect(parseSimulationArguments([...args, '--jobs', '64'])).toEqual({
    size: { databases: 2, tables: 2, bytes: 5e11 },
    jobs: 64,
    indexes: 0,
  });
  expect(parseSimulationArguments(['--help'])).toBeUndefined();
});

test.each([
  [['--databases', 'x'], '--databases x: must be a whole number'],
  [['--databases', '0'], '--databases 0: must be a whole number'],
  [['--databases=-3'], '--databases -3: must be a whole number'],
  [['--databases', '1.5'], '--databases 1.5: must be a whole number'],
  [['--databases='], '--databases : must be a whole number'],
  [['--tables', '1e99'], '--tables 1e99: must be a whole number'],
  [['--databases', '5', '--tables', '4'], '--tables 4: fewer than --databases 5'],
  [['--terabytes', '0'], '--terabytes 0: must be a number above 0'],
  [['--terabytes', 'Infinity'], '--terabytes Infinity: must be a number above 0'],
  [['--terabytes', 'much'], '--terabytes much: must be a number above 0'],
  [['--jobs', '0'], '--jobs 0: must be a whole number'],
  [['--jobs', '65'], '--jobs 65: must be a whole number from 1 to 64'],
  [['--indexes=-1'], '--indexes -1: must be a whole number from 0'],
  [['--database', '5'], '--database'],
  [['5'], "'5'"],
])('%j is refused with the name of what is wrong', (args, message) => {
  expect(() => parseSimulationArguments(args)).toThrow(message);
});
