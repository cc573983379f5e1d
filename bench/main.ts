import path from 'node:path';
import { appRoot } from '../cli/appRoot.ts';
import { parseBenchArguments, USAGE } from './arguments.ts';
import type { BenchArguments } from './arguments.ts';
import { runOfflineBench } from './offline/run.ts';
import { note } from './progress.ts';
import { renderMarkdownReport, renderTerminalReport } from './report.ts';
import { saveResults } from './results.ts';
import type { CaseResult } from './results.ts';

const EXIT = { fine: 0, missed: 1, usage: 2, interrupted: 130 } as const;

async function main(): Promise<number> {
  let wanted: BenchArguments | undefined;
  try {
    wanted = parseBenchArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (wanted === undefined) {
    process.stdout.write(USAGE);
    return EXIT.fine;
  }
  const signal = abortOnInterrupt();
  try {
    const cases = await runOfflineBench({ ...wanted, parentFolder: wanted.folder, signal });
    process.stdout.write(
      wanted.isJson ? `${JSON.stringify({ cases }, null, 2)}\n` : renderTerminalReport({ cases }),
    );
    return await conclude(wanted, cases);
  } catch (error) {
    if (!signal.aborted) throw error;
    note('stopped; servers, stack and dumps are removed');
    return EXIT.interrupted;
  }
}

/** Everything that was started is ended on the way out; a second signal does not wait for it. */
function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    note('stopping …');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

async function conclude(wanted: BenchArguments, cases: readonly CaseResult[]): Promise<number> {
  const hasFailed = cases.some(({ contenders }) =>
    contenders.some(({ failure }) => failure !== undefined),
  );
  const isComplete = wanted.scale === 1 && !wanted.isBaselinesOnly && !wanted.isPgmoveOnly;
  if (!isComplete) {
    note('results are kept, and misses counted, only of runs of scale 1 with all contenders');
    return hasFailed ? EXIT.missed : EXIT.fine;
  }
  const folder = path.join(appRoot(), 'bench', 'results');
  await saveResults(folder, 'offline', cases, renderMarkdownReport);
  note(`results kept in ${path.relative(process.cwd(), folder)}`);
  const hasMissed = cases.some(({ outcomes }) =>
    outcomes.some(({ verdict }) => verdict === 'miss' || verdict === 'unknown'),
  );
  return hasFailed || hasMissed ? EXIT.missed : EXIT.fine;
}

process.exitCode = await main();
