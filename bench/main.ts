import path from 'node:path';
import { appRoot } from '../cli/appRoot.ts';
import { listenForInterrupts } from '../cli/terminal/interrupts.ts';
import { parseBenchArguments, USAGE } from './arguments.ts';
import type { BenchArguments } from './arguments.ts';
import { runOfflineBench } from './offline/run.ts';
import { runOnlineBench } from './online/run.ts';
import { note } from './progress.ts';
import { renderMarkdownReport, renderTerminalReport } from './report.ts';
import type { ReportHeading } from './report.ts';
import { saveResults } from './results.ts';
import type { CaseResult } from './results.ts';

const EXIT = { fine: 0, missed: 1, usage: 2 } as const;

const HEADINGS: Readonly<Record<BenchArguments['bench'], ReportHeading>> = {
  offline: {
    title: 'Results of the offline bench',
    about: [
      'Written by `npm run bench -- offline`. Seconds from process start to exit, both sides on one',
      'machine, PostgreSQL with its default settings, two jobs each; ratio is pgmove by the other.',
    ],
  },
  online: {
    title: 'Results of the online bench',
    about: [
      'Written by `npm run bench -- online`, both sides on one machine, PostgreSQL with its default',
      'settings; ratio is pgmove by the other. A backlog is made while the replicator, the worker of the',
      'subscription and their walsenders stand still (SIGSTOP); its seconds go from when those of one',
      'go on to when the last change of the backlog is seen on the target. Both drain the same',
      'backlogs, in turns; a first one, which warms both up, does not count. Latency is the time from',
      'before the commit of a probe, 20 a second, to when it is seen on the target.',
    ],
  },
};

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
  // Everything that was started is ended on the way out; a second signal does not wait for it.
  const { signal, exitCode } = listenForInterrupts();
  signal.addEventListener('abort', () => note('stopping …'));
  try {
    const common = { ...wanted, parentFolder: wanted.folder, signal };
    const cases =
      wanted.bench === 'offline'
        ? await runOfflineBench({ ...common, cases: wanted.offlineCases })
        : await runOnlineBench({ ...common, cases: wanted.onlineCases });
    process.stdout.write(
      wanted.isJson ? `${JSON.stringify({ cases }, null, 2)}\n` : renderTerminalReport({ cases }),
    );
    return await conclude(wanted, cases);
  } catch (error) {
    const code = exitCode();
    if (code === undefined) throw error;
    note('stopped; servers, stack and dumps are removed');
    return code;
  }
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
  await saveResults(folder, wanted.bench, cases, (results) =>
    renderMarkdownReport(results, HEADINGS[wanted.bench]),
  );
  note(`results kept in ${path.relative(process.cwd(), folder)}`);
  const hasMissed = cases.some(({ outcomes }) =>
    outcomes.some(({ verdict }) => verdict === 'miss' || verdict === 'unknown'),
  );
  return hasFailed || hasMissed ? EXIT.missed : EXIT.fine;
}

process.exitCode = await main();
