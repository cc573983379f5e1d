import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { messageOf } from '../shared/errors/migrationError.ts';
import type {
  CompareMode,
  CompareOptions,
  Comparison,
} from '../shared/pg/compare/compareDatabases.ts';
import type { PgEndpoint } from '../shared/pg/endpoint.ts';
import { collect, parseJobs } from './arguments.ts';
import { renderComparison } from './compareReport.ts';
import { EXIT, usageError } from './exitCode.ts';
import { createLiveArea } from './terminal/liveArea.ts';
import { formatBytes, formatCount } from './terminal/units.ts';

interface Arguments {
  source: string;
  target: string;
  mode: CompareMode;
  jobs: number;
  include?: string[];
  exclude?: string[];
  keys: number;
  ignorePrivileges?: true;
  json?: true;
}

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description(
      'Compares two databases: schema, settings, sequences, privileges, large objects and the rows ' +
        'of every table. Ends with 0 when they are equal, 1 when they differ, 2 when it cannot say.',
    )
    .requiredOption('--source <uri>', 'connection string of the source (libpq)')
    .requiredOption('--target <uri>', 'connection string of the target (libpq)')
    .addOption(
      new Option('--mode <mode>', 'what is done with rows: compare, count, do not read')
        .choices(['hash', 'counts', 'schema'])
        .default('hash'),
    )
    .option('--jobs <number>', 'connections to each side', parseJobs, 2)
    .option(
      '--include <pattern>',
      'only these tables: schema.table with * and ? (repeatable)',
      collect,
    )
    .option('--exclude <pattern>', 'not these tables (repeatable)', collect)
    .option('--keys <number>', 'keys of differing rows to list per table', parseKeys, 100)
    .option('--ignore-privileges', 'leave out owners, privileges and default privileges')
    .option('--json', 'print the result as JSON')
    .action(async (options: Arguments) => {
      process.exitCode = await runCompare(options);
    });
}

function parseKeys(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It has to be 0 to 999999.');
  return Number(text);
}

async function runCompare(options: Arguments): Promise<number> {
  const controller = new AbortController();
  const cancel = (): void => controller.abort(new Error('The comparison was canceled.'));
  process.once('SIGINT', cancel);
  process.once('SIGTERM', cancel);
  try {
    const comparison = await compare(options, controller.signal);
    process.stdout.write(
      options.json ? `${JSON.stringify(comparison, null, 2)}\n` : renderComparison(comparison),
    );
    return comparison.equal ? EXIT.succeeded : EXIT.failed;
  } catch (error) {
    if (controller.signal.aborted) {
      process.stderr.write('pgmove: The comparison was canceled.\n');
      return EXIT.canceled;
    }
    throw usageError(messageOf(error), error);
  } finally {
    process.removeListener('SIGINT', cancel);
    process.removeListener('SIGTERM', cancel);
  }
}

async function compare(options: Arguments, signal: AbortSignal): Promise<Comparison> {
  // Loaded here, because --help must not wait for the driver.
  const [{ parseConnectionUri }, { compareDatabases, PRIVILEGE_SECTIONS }] = await Promise.all([
    import('../shared/pg/connectionUri.ts'),
    import('../shared/pg/compare/compareDatabases.ts'),
  ]);
  const source = await parseSide('source', options.source, parseConnectionUri);
  const target = await parseSide('target', options.target, parseConnectionUri);
  const { mode, jobs, include = [], exclude = [] } = options;
  const progress = showProgress();
  try {
    return await compareDatabases(source, target, {
      mode,
      jobs,
      include,
      exclude,
      keyLimit: options.keys,
      ignoreSections: options.ignorePrivileges ? PRIVILEGE_SECTIONS : [],
      signal,
      onProgress: progress.update,
    });
  } finally {
    progress.end();
  }
}

async function parseSide(
  side: string,
  text: string,
  parse: (text: string) => Promise<PgEndpoint>,
): Promise<PgEndpoint> {
  try {
    return await parse(text);
  } catch (error) {
    throw usageError(`--${side}: ${messageOf(error)}`, error);
  }
}

interface ProgressLine {
  update: CompareOptions['onProgress'];
  end(): void;
}

const REDRAW_MS = 100;

/** One line on a terminal's stderr; nothing elsewhere. */
function showProgress(): ProgressLine {
  if (!process.stderr.isTTY) return { update: undefined, end: () => undefined };
  const area = createLiveArea(process.stderr);
  area.draw(['comparing the schemas …']);
  let drawnAt = 0;
  return {
    update: ({ tablesDone, tableCount, bytesDone, byteCount }) => {
      const now = performance.now();
      if (now - drawnAt < REDRAW_MS && tablesDone < tableCount) return;
      drawnAt = now;
      area.draw([
        `comparing rows: ${formatCount(tablesDone)} of ${formatCount(tableCount)} tables, ` +
          `${formatBytes(bytesDone)} of ${formatBytes(byteCount)}`,
      ]);
    },
    end: () => area.end({ isCleared: true }),
  };
}
