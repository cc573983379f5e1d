import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { CASE_KEYS } from './offline/benchCase.ts';
import type { CaseKey as OfflineCaseKey } from './offline/benchCase.ts';
import { ONLINE_CASE_KEYS } from './online/onlineCase.ts';
import type { OnlineCaseKey } from './online/onlineCase.ts';

export const USAGE = `Usage: npm run bench -- offline|online [options]

  --cases a,b,…       which cases (default: all)
                      offline
                        a  1.5 GB in three tables      b  5,000 small tables
                        c  one table of 10 M rows      d  an almost empty database
                        m  memory with rows of 100 MB
                      online
                        a  backlog of 100,000 small transactions
                        b  backlog of one transaction of 1 M rows
                        c  latency at 2,000 transactions/s for a minute
                        d  cutover with an empty queue
  --runs 3            runs of each contender; the median counts
  --scale 1.0         size of the data; the goals are meant for 1, and only its results are kept
  --baselines-only    without pgmove
  --pgmove-only       without the baselines
  --folder PATH       where servers and dumps are made (default: ${tmpdir()})
  --json              results as JSON on stdout
`;

export interface BenchArguments {
  bench: 'offline' | 'online';
  /** Those of the other bench are empty. */
  offlineCases: OfflineCaseKey[];
  onlineCases: OnlineCaseKey[];
  runs: number;
  scale: number;
  isBaselinesOnly: boolean;
  isPgmoveOnly: boolean;
  folder: string;
  isJson: boolean;
}

/** Undefined when the usage was asked for. Throws with what is wrong. */
export function parseBenchArguments(args: readonly string[]): BenchArguments | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      cases: { type: 'string' },
      runs: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      'baselines-only': { type: 'boolean', default: false },
      'pgmove-only': { type: 'boolean', default: false },
      folder: { type: 'string', default: tmpdir() },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const [bench] = positionals;
  if (positionals.length !== 1 || (bench !== 'offline' && bench !== 'online')) {
    throw new Error('The benches that there are: offline, online.');
  }
  if (values['baselines-only'] && values['pgmove-only']) {
    throw new Error('--baselines-only and --pgmove-only leave nothing to run.');
  }
  return {
    bench,
    offlineCases: bench === 'offline' ? parseCases(values.cases, CASE_KEYS) : [],
    onlineCases: bench === 'online' ? parseCases(values.cases, ONLINE_CASE_KEYS) : [],
    runs: parseNumber('--runs', values.runs, (value) => Number.isInteger(value) && value >= 1),
    scale: parseNumber('--scale', values.scale, (value) => value > 0 && value <= 100),
    isBaselinesOnly: values['baselines-only'],
    isPgmoveOnly: values['pgmove-only'],
    folder: values.folder,
    isJson: values.json,
  };
}

function parseCases<Key extends string>(text: string | undefined, keys: readonly Key[]): Key[] {
  if (text === undefined) return [...keys];
  return text.split(',').map((word) => {
    const key = keys.find((known) => known === word.trim());
    if (key === undefined) throw new Error(`There is no case "${word}" (${keys.join(', ')}).`);
    return key;
  });
}

function parseNumber(option: string, text: string, isFine: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() === '' || !isFine(value)) throw new Error(`${option} ${text}: not a fit number.`);
  return value;
}
