import { Option } from 'commander';
import type { Command } from 'commander';
import { addSelection, parseMegabytes } from '../arguments.ts';

export interface ValidateOptions {
  source: string;
  target: string;
  database?: string[];
  allDatabases?: boolean;
  include?: string[];
  exclude?: string[];
  overwrite?: boolean;
  roles?: boolean;
  dryRun?: boolean;
  targetStorageMb?: number;
  online?: boolean;
  replicaIdentityFull?: boolean;
  setupReplication?: boolean;
  name?: string;
  output: 'table' | 'json';
  report?: string;
  url?: string;
  key?: string;
}

export function registerValidate(program: Command): void {
  const command = program
    .command('validate')
    .description(
      'say everything that would go wrong in a migration, and move nothing; starts the service for ' +
        'as long as it takes when none is running',
    )
    .requiredOption(
      '--source <uri>',
      'server to read: postgresql://user@host:port/database?sslmode=…',
    )
    .requiredOption('--target <uri>', 'server that would be written');
  addSelection(command)
    .option(
      '--overwrite',
      'as the migration would: target databases that hold objects are replaced',
    )
    .option('--roles', 'as the migration would: missing roles are created')
    .option(
      '--dry-run',
      'restore the schema into a scratch database of the target, and drop it again',
    )
    .option(
      '--target-storage-mb <number>',
      "size of the target's disk in megabytes, to compare the databases with",
      parseMegabytes,
    )
    .option('--online', 'for a migration by logical replication')
    .option('--replica-identity-full', 'with --online: as the migration would')
    .option('--setup-replication', 'with --online: as the migration would; nothing is set now')
    .option(
      '--name <name>',
      'name of the validation (default: made from the database and the time)',
    )
    .addOption(
      new Option('--output <format>', 'what goes to stdout')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--report <file>', 'write the report as Markdown to a file, to hand it around')
    .addOption(
      new Option('--url <url>', 'service to use instead of the one of this folder').env(
        'PGMOVE_URL',
      ),
    )
    .addOption(new Option('--key <key>', 'function key of that service').env('PGMOVE_KEY'))
    .addHelpText(
      'after',
      '\nExit codes: 0 a migration may start (warnings or not), 1 could not be validated, 2 usage or ' +
        'nothing started,\n3 something failed, 4 canceled.',
    )
    .action(async (options: ValidateOptions) => {
      const { runValidate } = await import('./validate.ts');
      process.exitCode = await runValidate(options);
    });
}
