import { Option } from 'commander';
import type { Command } from 'commander';
import { LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../apiClient.ts';
import { parsePort, parseSequence } from '../arguments.ts';

export interface ListEventsOptions {
  serverName?: string;
  target?: string;
  after: number;
  output: 'table' | 'json';
  subscription: string;
  resourceGroup: string;
  url?: string;
  key?: string;
}

export interface ListenOptions {
  port: number;
  secret?: string;
  json?: boolean;
}

const LISTEN_HELP = `
To have a local service deliver there, start it with
  PGMOVE_WEBHOOKS=http://127.0.0.1:7080/ PGMOVE_WEBHOOK_SECRET=... pgmove up
or, in the place of an Event Grid topic,
  EVENT_GRID_TOPIC_ENDPOINT=http://127.0.0.1:7080/api/events EVENT_GRID_TOPIC_KEY=any pgmove up
An event that is delivered again is printed once. Types and data: docs/events.md.`;

export function registerEvents(program: Command): void {
  const group = program
    .command('events')
    .description('what happened to migrations: the log of one, or as it is delivered');

  group
    .command('list')
    .description('list the events of a migration, oldest first, and who is still to get them')
    .argument('<name>', 'name of the migration')
    .option('-s, --server-name <name>', 'name of its target server (default: the one that has it)')
    .option('--target <uri>', 'or that server itself, as for pgmove migrate')
    .option('--after <sequence>', 'only events behind this number', parseSequence, 0)
    .addOption(
      new Option('-o, --output <format>', 'how to print')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--subscription <id>', 'subscription of the resource', LOCAL_SUBSCRIPTION)
    .option('-g, --resource-group <name>', 'resource group of the server', LOCAL_RESOURCE_GROUP)
    .addOption(
      new Option('--url <url>', 'service to use instead of the one of this folder').env(
        'PGMOVE_URL',
      ),
    )
    .addOption(new Option('--key <key>', 'function key of that service').env('PGMOVE_KEY'))
    .action(async (name: string, options: ListEventsOptions) => {
      const { listEvents } = await import('./list.ts');
      await listEvents(name, options);
    });

  group
    .command('listen')
    .description(
      'take deliveries on 127.0.0.1 as a webhook or in the place of a topic, and print them until Ctrl-C',
    )
    .option('--port <port>', 'where to listen; 0 takes a free one', parsePort, 7080)
    .addOption(
      new Option(
        '--secret <secret>',
        'check each signature with it; without it nothing is checked',
      ).env('PGMOVE_WEBHOOK_SECRET'),
    )
    .option('--json', 'one CloudEvent per line, as it came')
    .addHelpText('after', LISTEN_HELP)
    .action(async (options: ListenOptions) => {
      const { listen } = await import('./listen.ts');
      await listen(options);
    });
}
