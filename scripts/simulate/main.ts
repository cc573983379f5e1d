/**
 * `npm run simulate -- [--databases N] [--tables N] [--terabytes N] [--jobs N] [--indexes N]`: prints what a
 * migration of that size costs; see simulate.ts.
 */
import { parseArgs } from 'node:util';
import { report } from './report.ts';
import { simulate } from './simulate.ts';

const TERABYTE = 1e12;

const { values } = parseArgs({
  options: {
    databases: { type: 'string', default: '100' },
    tables: { type: 'string', default: '10000' },
    terabytes: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '16' },
    indexes: { type: 'string', default: '2' },
  },
});
const outcome = await simulate({
  size: {
    databases: Number(values.databases),
    tables: Number(values.tables),
    bytes: Number(values.terabytes) * TERABYTE,
  },
  jobs: Number(values.jobs),
  indexes: Number(values.indexes),
});
process.stdout.write(report(outcome));
if (outcome.state !== 'Succeeded') process.exitCode = 1;
