import { parseConninfo, parseUri } from '../../shared/pg/connectionText.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { messageOf, MigrationError } from '../../shared/errors/migrationError.ts';
import { usageError } from '../exitCode.ts';
import type { MigrateOptions } from './command.ts';

/** One database on its way. */
export interface DatabasePair {
  source: string;
  target: string;
}

/** What the arguments ask for, before any server was asked. */
export interface MigratePlan {
  source: PgEndpoint;
  target: PgEndpoint;
  /** The database name that `--target` gives, if it gives one. */
  targetDatabase: string | undefined;
  /** undefined: every database of the source. */
  databases: string[] | undefined;
}

export async function planMigrate(
  options: Omit<MigrateOptions, 'verify'>,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<MigratePlan> {
  const databases = [...new Set(options.database ?? [])];
  if (options.allDatabases && databases.length > 0) {
    throw usageError('Give either --database or --all-databases, not both.');
  }
  refuseOnlineOptionsOffline(options);
  const [source, target] = await Promise.all([
    readUri('--source', options.source, environment),
    // A database that PGDATABASE names is the source's; it must not rename anything.
    readUri('--target', options.target, { ...environment, PGDATABASE: undefined }),
  ]);
  const targetDatabase = databaseIn(options.target);
  return {
    source,
    target,
    targetDatabase,
    databases: options.allDatabases
      ? undefined
      : databases.length > 0
        ? databases
        : [source.database],
  };
}

/** Whoever asks for a fence or a cutover and gets a plain copy would take it for something else. */
function refuseOnlineOptionsOffline(options: Omit<MigrateOptions, 'verify'>): void {
  if (options.online) return;
  const given = [
    ['--cutover', options.cutover],
    ['--fence-source', options.fenceSource],
    ['--replica-identity-full', options.replicaIdentityFull],
    ['--setup-replication', options.setupReplication],
  ].find(([, value]) => value !== undefined);
  if (given !== undefined) throw usageError(`${String(given[0])} goes with --online only.`);
}

/** A single database takes the name in `--target`; several keep their own. */
export function pairDatabases(plan: MigratePlan, databases: readonly string[]): DatabasePair[] {
  const [only] = databases;
  if (databases.length === 1 && only !== undefined) {
    return [{ source: only, target: plan.targetDatabase ?? only }];
  }
  return databases.map((name) => ({ source: name, target: name }));
}

async function readUri(
  option: string,
  text: string,
  environment: NodeJS.ProcessEnv,
): Promise<PgEndpoint> {
  try {
    return await parseConnectionUri(text, environment);
  } catch (error) {
    if (error instanceof MigrationError) throw usageError(`${option}: ${messageOf(error)}`, error);
    throw error;
  }
}

function databaseIn(text: string): string | undefined {
  const given = /^postgres(ql)?:\/\//.test(text) ? parseUri(text) : parseConninfo(text);
  return given.get('dbname') || undefined;
}
