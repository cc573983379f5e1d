import { parseArgs } from 'node:util';
import type { SimulationOptions } from './simulate.ts';

const TERABYTE = 1e12;

/** As the API allows for one migration. */
const MOST_JOBS = 64;

export const USAGE = `Usage: npm run simulate -- [options]

  --databases 100   databases of the one migration
  --tables 10000    tables over all databases, the same number in each
  --terabytes 1     bytes over all databases, in units of 10^12
  --jobs 16         jobs of the migration, at most ${MOST_JOBS}
  --indexes 2       indexes of each table; of a large one they are units of their own
`;

/** Undefined when the usage was asked for. Throws with what is wrong. */
export function parseSimulationArguments(args: readonly string[]): SimulationOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      databases: { type: 'string', default: '100' },
      tables: { type: 'string', default: '10000' },
      terabytes: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '16' },
      indexes: { type: 'string', default: '2' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const databases = wholeNumber('--databases', values.databases, 1);
  const tables = wholeNumber('--tables', values.tables, 1);
  if (tables < databases) {
    throw new Error(
      `--tables ${tables}: fewer than --databases ${databases}; each database needs at least one.`,
    );
  }
  const terabytes = numberOf(values.terabytes);
  if (!(terabytes > 0 && Number.isFinite(terabytes))) {
    throw new Error(`--terabytes ${values.terabytes}: must be a number above 0.`);
  }
  return {
    size: { databases, tables, bytes: terabytes * TERABYTE },
    jobs: wholeNumber('--jobs', values.jobs, 1, MOST_JOBS),
    indexes: wholeNumber('--indexes', values.indexes, 0),
  };
}

function wholeNumber(option: string, text: string, least: number, most = 1_000_000): number {
  const value = numberOf(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${option} ${text}: must be a whole number from ${least} to ${most}.`);
  }
  return value;
}

/** NaN for an empty text too, which Number() takes for 0. */
function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
