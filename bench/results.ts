import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import type { Machine } from './machine.ts';

/** What one contender did in one case. */
export interface ContenderResult {
  name: string;
  /** Seconds of each run, in order; empty after a failure. */
  seconds: number[];
  /** Why there is no result. */
  failure?: string;
  /** Highest over all runs, in megabytes, by process. */
  peakMegabytes?: Record<string, number>;
}

/** `goal` is the better one of the two thresholds, where there are two. */
export type Verdict = 'goal' | 'ok' | 'miss' | 'unknown';

/** A threshold and what was measured. */
export interface Outcome {
  /** `ratio to pg_dump …`, `seconds`, `memory of host` */
  what: string;
  value: number | undefined;
  limit: number;
  goal?: number;
  verdict: Verdict;
}

export interface CaseResult {
  key: string;
  title: string;
  scale: number;
  measuredOn: string;
  machine: Machine;
  /** `pg_dump 15.18`, `pgcopydb 0.10` */
  programs: string[];
  contenders: ContenderResult[];
  outcomes: Outcome[];
}

export interface BenchResults {
  cases: CaseResult[];
}

/** Only as much as is relied on when old results are read. */
const storedSchema = z.object({ cases: z.array(z.looseObject({ key: z.string() })) });

/** Results of the cases that were measured now replace the older ones of the same cases. */
export async function saveResults(
  folder: string,
  name: string,
  fresh: readonly CaseResult[],
  render: (results: BenchResults) => string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const json = path.join(folder, `${name}.json`);
  const older = (await readResults(json)).cases.filter(
    (old) => !fresh.some(({ key }) => key === old.key),
  );
  const cases = [...older, ...fresh].sort((a, b) => a.key.localeCompare(b.key));
  await writeFormatted(json, JSON.stringify({ cases }));
  await writeFormatted(path.join(folder, `${name}.md`), render({ cases }));
}

async function readResults(file: string): Promise<BenchResults> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return { cases: [] };
  return storedSchema.parse(JSON.parse(text)) as unknown as BenchResults;
}

/** The files are committed, so they have to be formatted like all the others. */
async function writeFormatted(file: string, text: string): Promise<void> {
  const config = await resolveConfig(file);
  await writeFile(file, await format(text, { ...config, filepath: file }));
}
