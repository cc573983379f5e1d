import type { Command } from 'commander';

export interface UnfenceOptions {
  source: string;
  acl?: string;
  readOnly?: string;
}

export function registerSource(program: Command): void {
  const group = program.command('source').description('what a migration left behind on the source');
  group
    .command('unfence')
    .description(
      'open a database again that the cutover with --fence-source has closed, with the privileges ' +
        'that it had',
    )
    .requiredOption('--source <uri>', 'the closed database, as the migration’s user')
    .option(
      '--acl <list>',
      'access list that the database had, as the result of the migration shows it (default: the one ' +
        'of a new database)',
    )
    .option(
      '--read-only <value>',
      'default_transaction_read_only that the database had (default: none of its own)',
    )
    .action(async (options: UnfenceOptions) => {
      const { runUnfence } = await import('./unfence.ts');
      process.exitCode = await runUnfence(options);
    });
}
