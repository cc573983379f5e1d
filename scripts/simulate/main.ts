/**
 * `npm run simulate -- [--databases N] [--tables N] [--terabytes N] [--jobs N] [--indexes N]`: prints what a
 * migration of that size costs; see simulate.ts.
 */
import { parseSimulationArguments, USAGE } from './arguments.ts';
import { simulationViewFor } from './progress.ts';
import { report } from './report.ts';
import { simulate } from './simulate.ts';
import type { SimulationOptions } from './simulate.ts';

const EXIT = { fine: 0, failed: 1, usage: 2 } as const;

/** As shells count a death by these. */
const EXIT_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

async function main(): Promise<number> {
  let wanted: SimulationOptions | undefined;
  try {
    wanted = parseSimulationArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (wanted === undefined) {
    process.stdout.write(USAGE);
    return EXIT.fine;
  }
  let endedBy: keyof typeof EXIT_OF_SIGNAL | undefined;
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // A second one changes nothing: what was started is killed at once, and that does not take long.
    process.on(name, () => {
      endedBy ??= name;
      interrupt.abort();
    });
  }
  const view = simulationViewFor(process.stderr);
  try {
    const outcome = await simulate({ ...wanted, signal: interrupt.signal, view });
    view.end();
    process.stdout.write(report(outcome));
    return outcome.state === 'Succeeded' ? EXIT.fine : EXIT.failed;
  } catch (error) {
    view.end();
    if (endedBy === undefined) throw error;
    process.stderr.write('stopped; the host, the storage and the folder are removed\n');
    return EXIT_OF_SIGNAL[endedBy];
  }
}

process.exitCode = await main();
