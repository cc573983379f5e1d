import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { findFolderWith } from '../../shared/pg/clientBinaries.ts';
import { describeMachine } from '../machine.ts';
import { startServers } from '../offline/servers.ts';
import { note } from '../progress.ts';
import type { CaseResult } from '../results.ts';
import { emptyCutover } from './cutover.ts';
import { manyTransactions, oneTransaction } from './drain.ts';
import type { OnlineCase, OnlineCaseKey } from './onlineCase.ts';
import { steadyState } from './steadyState.ts';

const CASES: Readonly<Record<OnlineCaseKey, OnlineCase>> = {
  a: manyTransactions,
  b: oneTransaction,
  c: steadyState,
  d: emptyCutover,
};

export interface OnlineBenchOptions {
  cases: readonly OnlineCaseKey[];
  runs: number;
  scale: number;
  isBaselinesOnly: boolean;
  isPgmoveOnly: boolean;
  /** Where servers are kept. */
  parentFolder: string;
  signal: AbortSignal;
}

export async function runOnlineBench(options: OnlineBenchOptions): Promise<CaseResult[]> {
  const postgresFolder = await findFolderWith(['pgbench']);
  if (postgresFolder === undefined) {
    throw new Error(
      'The bench needs pgbench, which comes with the PostgreSQL server. Set PG_BIN_DIR to its folder.',
    );
  }
  const results: CaseResult[] = [];
  for (const key of options.cases) {
    results.push(await runCase(CASES[key], postgresFolder, options));
  }
  return results;
}

/** Each case has servers and a stack of its own: none inherits what another left behind. */
async function runCase(
  bench: OnlineCase,
  postgresFolder: string,
  options: OnlineBenchOptions,
): Promise<CaseResult> {
  const { scale, runs, isBaselinesOnly, isPgmoveOnly, signal } = options;
  const folder = await mkdtemp(path.join(options.parentFolder, 'pgmove-bench-'));
  // The servers' user has to pass through it.
  await chmod(folder, 0o755);
  try {
    await using servers = await startServers(folder);
    const say = (text: string): void => note(`(${bench.key}) ${text}`);
    say(bench.title(scale));
    const measured = await bench.run({
      servers,
      postgresFolder,
      folder,
      scale,
      runs,
      isBaselinesOnly,
      isPgmoveOnly,
      signal,
      say,
    });
    return {
      key: bench.key,
      title: bench.title(scale),
      scale,
      measuredOn: new Date().toISOString(),
      machine: await describeMachine(servers.source),
      programs: [],
      ...measured,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
