import { Option } from 'commander';
import type { Command } from 'commander';
import { LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../apiClient.ts';

export interface ReportOptions {
  serverName?: string;
  target?: string;
  format?: 'json' | 'markdown' | 'html';
  output?: string;
  allTables?: boolean;
  subscription: string;
  resourceGroup: string;
  url?: string;
  key?: string;
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description(
      'write down what a migration did, or has done so far: databases, tables, times, positions, ' +
        'what was not carried and why; to be attached to a change ticket',
    )
    .argument('<name>', 'name of the migration')
    .option('-s, --server-name <name>', 'name of its target server (default: the one that has it)')
    .option('--target <uri>', 'or that server itself, as for pgmove migrate')
    .addOption(
      new Option(
        '--format <format>',
        'how it is written (default: as the name of the file ends, else markdown)',
      ).choices(['json', 'markdown', 'html']),
    )
    .option('--output <file>', 'file to write (default: stdout)')
    .option('--all-tables', 'every table, not only the largest hundred and those that failed')
    .option('--subscription <id>', 'subscription of the resource', LOCAL_SUBSCRIPTION)
    .option('-g, --resource-group <name>', 'resource group of the server', LOCAL_RESOURCE_GROUP)
    .addOption(
      new Option('--url <url>', 'service to use instead of the one of this folder').env(
        'PGMOVE_URL',
      ),
    )
    .addOption(new Option('--key <key>', 'function key of that service').env('PGMOVE_KEY'))
    .addHelpText(
      'after',
      '\nThe service that pgmove migrate starts for itself forgets its migrations when it ends: let it ' +
        'write its report\nwith --report FILE.',
    )
    .action(async (name: string, options: ReportOptions) => {
      const { runReport } = await import('./report.ts');
      await runReport(name, options);
    });
}
