import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { BaselinePrograms } from '../baselines/programs.ts';
import { findBaselinePrograms } from '../baselines/programs.ts';
import { formatBytes } from '../../cli/terminal/units.ts';
import { describeMachine } from '../machine.ts';
import { orderOfRound } from '../measure.ts';
import { note } from '../progress.ts';
import type { CaseResult, ContenderResult } from '../results.ts';
import type { BenchCase, CaseKey, Contender, Site } from './benchCase.ts';
import { almostEmpty } from './cases/almostEmpty.ts';
import { bulk } from './cases/bulk.ts';
import { hugeRows } from './cases/hugeRows.ts';
import { manyTables } from './cases/manyTables.ts';
import { oneTable } from './cases/oneTable.ts';
import { differences, takeInventory } from './inventory.ts';
import type { Inventory } from './inventory.ts';
import { settleSource } from './load.ts';
import { judge } from './outcomes.ts';
import { pgmoveContender } from './pgmove.ts';
import { freshTarget, startServers } from './servers.ts';
import { startStack } from './stack.ts';

const CASES: Readonly<Record<CaseKey, BenchCase>> = {
  a: bulk,
  b: manyTables,
  c: oneTable,
  d: almostEmpty,
  m: hugeRows,
};

export interface OfflineBenchOptions {
  cases: readonly CaseKey[];
  runs: number;
  scale: number;
  /** Neither pgmove nor its stack is started. */
  isBaselinesOnly: boolean;
  /** No baselines: for work on pgmove itself. */
  isPgmoveOnly: boolean;
  /** Where servers and dumps are kept. */
  parentFolder: string;
  signal: AbortSignal;
}

export async function runOfflineBench(options: OfflineBenchOptions): Promise<CaseResult[]> {
  const programs = await findBaselinePrograms();
  if (programs.pgcopydb === undefined) note('pgcopydb is not installed; that baseline is left out');
  const results: CaseResult[] = [];
  for (const key of options.cases) {
    if (options.isBaselinesOnly && !CASES[key].hasBaselines) continue;
    results.push(await runCase(CASES[key], programs, options));
  }
  return results;
}

/** Each case has servers and a stack of its own: none inherits what another left behind. */
async function runCase(
  bench: BenchCase,
  programs: BaselinePrograms,
  options: OfflineBenchOptions,
): Promise<CaseResult> {
  const { signal, scale, parentFolder } = options;
  const say = (text: string): void => note(`(${bench.key}) ${text}`);
  const folder = await mkdtemp(path.join(parentFolder, 'pgmove-bench-'));
  // The servers' user has to pass through it.
  await chmod(folder, 0o755);
  try {
    await using servers = await startServers(folder);
    const site: Site = { servers, programs, stack: undefined, folder, scale, signal };
    say(`making ${bench.title(scale)}`);
    await bench.load(site);
    say(`the source holds ${formatBytes(await settleSource(site))}`);
    const wanted = await takeInventory(servers.source, signal);

    const usesStack = bench.usesStack && !options.isBaselinesOnly;
    await using stack = usesStack ? await startStack(folder, signal) : undefined;
    const ready: Site = { ...site, stack };
    const contenders = [
      ...(options.isBaselinesOnly ? [] : [pgmoveContender(ready)]),
      ...(options.isPgmoveOnly ? [] : bench.baselines(ready)),
    ];
    const runs = Math.min(options.runs, bench.maxRuns ?? options.runs);
    const measured = await runRounds(contenders, ready, wanted, runs, say);
    return {
      key: bench.key,
      title: bench.title(scale),
      scale,
      measuredOn: new Date().toISOString(),
      machine: await describeMachine(servers.source),
      programs: [
        `pg_dump ${programs.pgDumpVersion}`,
        ...(programs.pgcopydb === undefined ? [] : [`pgcopydb ${programs.pgcopydb.version}`]),
      ],
      contenders: measured,
      outcomes: judge(bench.goals, measured),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runRounds(
  contenders: readonly Contender[],
  site: Site,
  wanted: Inventory,
  runs: number,
  say: (text: string) => void,
): Promise<ContenderResult[]> {
  const results = new Map<string, ContenderResult>(
    contenders.map(({ name }) => [name, { name, seconds: [] }]),
  );
  for (let round = 0; round < runs; round += 1) {
    for (const contender of orderOfRound(contenders, round)) {
      const result = results.get(contender.name);
      if (result === undefined || result.failure !== undefined) continue;
      if (round >= (contender.maxRuns ?? runs)) continue;
      const label = `run ${round + 1} of ${Math.min(runs, contender.maxRuns ?? runs)}, ${contender.name}`;
      await runOnce(contender, site, wanted, result, (text) => say(`${label}: ${text}`));
    }
  }
  return [...results.values()];
}

/** A contender that fails has no result, and the others go on. */
async function runOnce(
  contender: Contender,
  site: Site,
  wanted: Inventory,
  result: ContenderResult,
  say: (text: string) => void,
): Promise<void> {
  try {
    await freshTarget(site.servers);
    const lap = await contender.run();
    const arrived = await takeInventory(site.servers.target, site.signal);
    const missing = differences(wanted, arrived, contender.proves);
    if (missing.length > 0) {
      throw new Error(`not everything arrived: ${missing.slice(0, 5).join('; ')}`);
    }
    say(`${lap.seconds.toFixed(2)} s${lap.detail ? ` (${lap.detail})` : ''}`);
    result.seconds.push(Number(lap.seconds.toFixed(3)));
    for (const [process, megabytes] of Object.entries(lap.peakMegabytes ?? {})) {
      result.peakMegabytes ??= {};
      const peak = Math.max(result.peakMegabytes[process] ?? 0, megabytes);
      result.peakMegabytes[process] = Math.round(peak);
    }
  } catch (error) {
    site.signal.throwIfAborted();
    result.seconds = [];
    result.failure = error instanceof Error ? error.message : String(error);
    say(`failed: ${result.failure}`);
  }
}
