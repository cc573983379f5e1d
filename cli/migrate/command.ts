import { Option } from 'commander';
import type { Command } from 'commander';
import { addSelection, parseJobs } from '../arguments.ts';

export interface MigrateOptions {
  source: string;
  target: string;
  database?: string[];
  allDatabases?: boolean;
  include?: string[];
  exclude?: string[];
  overwrite?: boolean;
  roles?: boolean;
  verify: 'none' | 'counts' | 'hash';
  online?: boolean;
  /** Of an online migration only; absent is `auto`. */
  cutover?: 'auto' | 'manual';
  fenceSource?: boolean;
  replicaIdentityFull?: boolean;
  setupReplication?: boolean;
  jobs?: number;
  name?: string;
  report?: string;
  json?: boolean;
  url?: string;
  key?: string;
}

export function registerMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .description(
      'copy databases to another server and wait for the end; starts the service for as long as ' +
        'it takes when none is running',
    )
    .requiredOption(
      '--source <uri>',
      'server to read: postgresql://user@host:port/database?sslmode=…',
    )
    .requiredOption(
      '--target <uri>',
      'server to write; another database name than the source\u2019s renames the database',
    );
  addSelection(command)
    .option('--overwrite', 'drop target databases that hold objects, and make them again')
    .option(
      '--roles',
      'create the roles of the source that the target lacks, with their memberships',
    )
    .addOption(
      new Option('--verify <how>', 'compare the tables of both sides after the copy')
        .choices(['none', 'counts', 'hash'])
        .default('none'),
    )
    .option('--online', 'keep the target up to date by logical replication until the cutover')
    .addOption(
      new Option(
        '--cutover <how>',
        'with --online: by itself when every database has caught up (auto, the default), or when ' +
          'pgmove migration update --cutover asks for it',
      ).choices(['auto', 'manual']),
    )
    .option('--fence-source', 'with --online: close the source to everybody else at the cutover')
    .option(
      '--replica-identity-full',
      'with --online: let tables without a usable key take part, with REPLICA IDENTITY FULL on the ' +
        'source until the end',
    )
    .option(
      '--setup-replication',
      'with --online: set on the source what logical replication needs, as far as rights allow',
    )
    .option(
      '--jobs <number>',
      'tables copied and indexes built at once (default: as the service decides)',
      parseJobs,
    )
    .option('--name <name>', 'name of the migration (default: made from the database and the time)')
    .option(
      '--report <file>',
      'write a report to a file when it has ended: HTML, JSON or Markdown, as its name ends',
    )
    .option('--json', 'write the final resource, and nothing else, to stdout')
    .addOption(
      new Option('--url <url>', 'service to use instead of the one of this folder').env(
        'PGMOVE_URL',
      ),
    )
    .addOption(new Option('--key <key>', 'function key of that service').env('PGMOVE_KEY'))
    .addHelpText(
      'after',
      '\nPGPASSWORD, the passfile and the other variables of libpq are read as psql reads them.\n' +
        'Exit codes: 0 succeeded, 1 failed, 2 usage or nothing started, 3 validation failed, 4 canceled.',
    )
    .action(async (options: MigrateOptions) => {
      const { runMigrate } = await import('./migrate.ts');
      process.exitCode = await runMigrate(options);
    });
}
