import { Command, CommanderError } from 'commander';
import { registerCompare } from './compare.ts';
import { registerEvents } from './events/command.ts';
import { CommandError, EXIT } from './exitCode.ts';
import { registerMigrate } from './migrate/command.ts';
import { registerMigration } from './migration/command.ts';
import { registerReport } from './report/command.ts';
import { registerSource } from './source/command.ts';
import { registerUp } from './stack/command.ts';
import { registerValidate } from './validate/command.ts';
import { PGMOVE_VERSION } from '../shared/api/version.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';

/**
 * The whole command line. Options are declared here, what a command does is loaded when it runs:
 * `pgmove --help` must not wait for the PostgreSQL driver.
 */
export function createProgram(): Command {
  const program = new Command('pgmove')
    .description('Moves PostgreSQL databases between servers and proves that nothing was lost.')
    .version(PGMOVE_VERSION)
    .showHelpAfterError('(pgmove --help shows what there is)')
    .configureHelp({ helpWidth: 100 });
  registerUp(program);
  registerValidate(program);
  registerMigrate(program);
  registerMigration(program);
  registerReport(program);
  registerEvents(program);
  registerCompare(program);
  registerSource(program);
  return program;
}

/** Runs one command line and answers its exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  forEachCommand(program, (command) => command.exitOverride());
  try {
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? EXIT.succeeded);
  } catch (error) {
    return reportError(error);
  }
}

export function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

function reportError(error: unknown): number {
  // Commander has printed its message already; --help and --version end here too, with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof CommandError) {
    process.stderr.write(`pgmove: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof MigrationError) {
    process.stderr.write(`pgmove: ${error.message}\n`);
    return EXIT.failed;
  }
  process.stderr.write(
    `pgmove: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.failed;
}
