import { Option } from 'commander';
import type { Command } from 'commander';
import { LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../apiClient.ts';
import { collect } from '../arguments.ts';
import type * as actionModule from './actions.ts';

/** What every subcommand takes, in the words of `az postgres flexible-server migration`. */
export interface CommonOptions {
  subscription: string;
  resourceGroup: string;
  name?: string;
  serverName?: string;
  migrationName?: string;
  output: 'json' | 'table' | 'tsv';
  url?: string;
  key?: string;
}

export interface CreateOptions extends CommonOptions {
  properties: string;
  migrationMode: string;
  migrationOption: string;
  tags?: string[];
  location: string;
}

export interface ListOptions extends CommonOptions {
  filter: 'Active' | 'All';
}

export interface UpdateOptions extends CommonOptions {
  setupReplication?: boolean;
  cutover?: boolean;
  cancel?: boolean;
  overwriteDbs?: boolean;
  startDataMigration?: boolean;
  dbNames?: string[];
  database?: string[];
}

export interface WatchOptions extends Omit<CommonOptions, 'output'> {
  json?: boolean;
}

/** Which name `--name` gives when it stands alone. */
type LoneName = 'the server' | 'the migration';

const NAMES_HELP = `
Names come in both forms of the Azure CLI:
  before 2.86   --name SERVER --migration-name NAME
  since 2.86    --server-name SERVER --name NAME
pgmove migrate names the server after host and port of the target: 127-0-0-1-5432.`;

const WATCH_HELP = `
Exit codes: 0 succeeded, 1 failed, 2 usage, 3 validation failed, 4 canceled, 5 waits for its operator.`;

export function registerMigration(program: Command): void {
  const group = program
    .command('migration')
    .description('single operations on migrations, with the arguments of the Azure CLI');

  subcommand(group, 'create', 'create and start a migration that a properties file describes')
    .requiredOption('-b, --properties <file>', 'JSON file with the properties; - reads stdin')
    .addOption(
      choice('--migration-mode <mode>', 'how to migrate', ['offline', 'online'], 'offline'),
    )
    .addOption(
      choice(
        '--migration-option <option>',
        'what to do',
        ['Validate', 'ValidateAndMigrate', 'Migrate'],
        'ValidateAndMigrate',
      ),
    )
    .option('--tags <name=value>', 'tag, may be repeated', collect)
    .option('-l, --location <location>', 'location of the resource', 'local')
    .action((options: CreateOptions) => run((actions) => actions.createMigration(options)));

  subcommand(group, 'list', 'list the migrations to a server', 'the server')
    .addOption(choice('--filter <filter>', 'which ones', ['Active', 'All'], 'Active'))
    .action((options: ListOptions) => run((actions) => actions.listMigrations(options)));

  subcommand(group, 'show', 'show a migration').action((options: CommonOptions) =>
    run((actions) => actions.showMigration(options)),
  );

  subcommand(
    group,
    'update',
    'answer what a migration waits for, or cancel it; exactly one of these',
  )
    .option('--setup-replication', 'allow logical replication to be set up on the source')
    .option('--cutover', 'cut over (all databases, or those that are named)')
    .option('--cancel', 'cancel (all databases, or those that are named)')
    .option('--overwrite-dbs', 'allow target databases that exist to be dropped and made again')
    .option('--start-data-migration', 'start now instead of waiting for the window')
    .option('--db-names <name...>', 'databases to cut over or to cancel; alone: those to migrate')
    .option('--database <name>', 'the same for one database, may be repeated', collect)
    .action((options: UpdateOptions) => run((actions) => actions.updateMigration(options)));

  namedSubcommand(group, 'watch', 'follow a migration until it has ended or waits for its operator')
    .option('--json', 'write a line of JSON to stdout each time something has changed')
    .addHelpText('after', WATCH_HELP)
    .action(async (options: WatchOptions) => {
      const { watchMigration } = await import('./watch.ts');
      process.exitCode = await watchMigration(options);
    });

  subcommand(group, 'cancel', 'cancel a migration').action((options: CommonOptions) =>
    run((actions) => actions.cancelMigration(options)),
  );
  subcommand(group, 'resume', 'go on with a failed or canceled migration').action(
    (options: CommonOptions) => run((actions) => actions.resumeMigration(options)),
  );
  subcommand(group, 'delete', 'cancel a migration, as DELETE does in the published service').action(
    (options: CommonOptions) => run((actions) => actions.deleteMigration(options)),
  );
  subcommand(group, 'purge', 'remove everything that is kept of an ended migration').action(
    (options: CommonOptions) => run((actions) => actions.purgeMigration(options)),
  );
  subcommand(group, 'check-name-availability', 'ask whether a name is free').action(
    (options: CommonOptions) => run((actions) => actions.checkName(options)),
  );
}

async function run(action: (actions: typeof actionModule) => Promise<string>): Promise<void> {
  process.stdout.write(await action(await import('./actions.ts')));
}

function subcommand(
  group: Command,
  name: string,
  description: string,
  lone: LoneName = 'the migration',
): Command {
  return namedSubcommand(group, name, description, lone).addOption(
    choice('-o, --output <format>', 'how to print', ['json', 'table', 'tsv'], 'json'),
  );
}

/** One that prints in a way of its own. */
function namedSubcommand(
  group: Command,
  name: string,
  description: string,
  lone: LoneName = 'the migration',
): Command {
  const command = group
    .command(name)
    .description(description)
    .option('-g, --resource-group <name>', 'resource group', LOCAL_RESOURCE_GROUP)
    .option('--subscription <id>', 'subscription', LOCAL_SUBSCRIPTION)
    .option('-s, --server-name <name>', 'target server')
    .option('-n, --name <name>', `${lone}; the target server where --migration-name is given`);
  if (lone === 'the migration') command.option('--migration-name <name>', 'the migration');
  return command
    .addOption(
      new Option('--url <url>', 'service to ask instead of the one of this folder').env(
        'PGMOVE_URL',
      ),
    )
    .addOption(new Option('--key <key>', 'function key of that service').env('PGMOVE_KEY'))
    .addHelpText('after', NAMES_HELP);
}

/** Azure's tools take the values of their lists in any case. */
function choice(
  flags: string,
  description: string,
  values: readonly string[],
  standard: string,
): Option {
  const option = new Option(flags, description).choices(values).default(standard);
  const parse = option.parseArg;
  return option.argParser((text: string) => {
    const known = values.find((value) => value.toLowerCase() === text.toLowerCase());
    return parse?.(known ?? text, undefined as never) ?? text;
  });
}
