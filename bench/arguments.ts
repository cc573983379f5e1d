import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { CASE_KEYS } from './offline/benchCase.ts';
import type { CaseKey } from './offline/benchCase.ts';

export const USAGE = `Usage: npm run bench -- offline [options]

  --cases a,b,c,d,m   which cases (default: all)
                        a  1.5 GB in three tables      b  5,000 small tables
                        c  one table of 10 M rows      d  an almost empty database
                        m  memory with rows of 100 MB
  --runs 3            runs of each contender; the median counts
  --scale 1.0         size of the data; the goals are meant for 1, and only its results are kept
  --baselines-only    without pgmove
  --pgmove-only       without the baselines
  --folder PATH       where servers and dumps are made (default: ${tmpdir()})
  --json              results as JSON on stdout
`;

export interface BenchArguments {
  cases: CaseKey[];
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
      cases: { type: 'string', default: CASE_KEYS.join(',') },
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
  if (positionals.length !== 1 || positionals[0] !== 'offline') {
    throw new Error('The bench that there is: offline.');
  }
  if (values['baselines-only'] && values['pgmove-only']) {
    throw new Error('--baselines-only and --pgmove-only leave nothing to run.');
  }
  return {
    cases: parseCases(values.cases),
    runs: parseNumber('--runs', values.runs, (value) => Number.isInteger(value) && value >= 1),
    scale: parseNumber('--scale', values.scale, (value) => value > 0 && value <= 100),
    isBaselinesOnly: values['baselines-only'],
    isPgmoveOnly: values['pgmove-only'],
    folder: values.folder,
    isJson: values.json,
  };
}

function parseCases(text: string): CaseKey[] {
  return text.split(',').map((word) => {
    const key = CASE_KEYS.find((known) => known === word.trim());
    if (key === undefined) throw new Error(`There is no case "${word}" (${CASE_KEYS.join(', ')}).`);
    return key;
  });
}

function parseNumber(option: string, text: string, isFine: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() === '' || !isFine(value)) throw new Error(`${option} ${text}: not a fit number.`);
  return value;
}
