/**
 * `npm run simulate -- [--databases N] [--tables N] [--terabytes N] [--jobs N] [--indexes N]`: prints what a
 * migration of that size costs; see simulate.ts.
 */
import { listenForInterrupts } from '../../cli/terminal/interrupts.ts';
import { parseSimulationArguments, USAGE } from './arguments.ts';
import { simulationViewFor } from './progress.ts';
import { report } from './report.ts';
import { simulate } from './simulate.ts';
import type { SimulationOptions } from './simulate.ts';

const EXIT = { fine: 0, failed: 1, usage: 2 } as const;

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
  const { signal, onSecond, exitCode } = listenForInterrupts();
  // A second one changes nothing: what was started is killed at once, and that does not take long.
  onSecond(() => undefined);
  const view = simulationViewFor(process.stderr);
  try {
    const outcome = await simulate({ ...wanted, signal, view });
    view.end();
    process.stdout.write(report(outcome));
    return outcome.state === 'Succeeded' ? EXIT.fine : EXIT.failed;
  } catch (error) {
    view.end();
    const code = exitCode();
    if (code === undefined) throw error;
    process.stderr.write('stopped; the host, the storage and the folder are removed\n');
    return code;
  }
}

process.exitCode = await main();
