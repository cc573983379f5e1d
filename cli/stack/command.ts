import type { Command } from 'commander';
import { parsePort } from '../arguments.ts';

export interface UpOptions {
  /** The usual one (7071) where it is free when absent. */
  port?: number;
  /** Id of the worker group to be. */
  runtime?: string;
}

export function registerUp(program: Command): void {
  program
    .command('up')
    .description(
      'run the whole service on this machine: storage (Azurite), API and orchestrators, replicator; ' +
        'Ctrl-C stops it, its state stays in .pgmove/',
    )
    .option(
      '--port <number>',
      'port of the API on 127.0.0.1; 0 takes a free one (default: 7071 when it is free)',
      parsePort,
    )
    .option(
      '--runtime <id>',
      'run a worker group instead, which carries the migrations that name it in migrationInstanceResourceId: ' +
        'beside the service of this folder, or over the storage that AzureWebJobsStorage names',
    )
    .action(async (options: UpOptions) => {
      const { runUp } = await import('./up.ts');
      process.exitCode = await runUp(options);
    });
}
