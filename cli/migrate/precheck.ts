import { clientBinaries } from '../../shared/pg/clientBinaries.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { withDatabase } from '../../shared/pg/endpoint.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { targetDatabaseState } from '../../shared/pg/schema/database.ts';
import { kindOf } from '../../shared/errors/classify.ts';
import { messageOf } from '../../shared/errors/migrationError.ts';
import { CommandError, usageError } from '../exitCode.ts';
import { pairDatabases } from './plan.ts';
import type { DatabasePair, MigratePlan } from './plan.ts';

const CONNECTION = { applicationName: 'pgmove/cli/check', connectTimeoutMs: 10_000 };

/** Databases that belong to the server or to a provider, not to its users. */
const PROVIDER_DATABASES = [
  'azure_maintenance',
  'azure_sys',
  'rdsadmin',
  'cloudsqladmin',
  'alloydbadmin',
];

const OLDEST_SOURCE = 90500;

interface ServerFacts {
  version: number;
  /** Two connections with the same text are on the same running server. */
  identity: string;
  isStandby: boolean;
}

/**
 * Everything that can be known to go wrong is said before anything starts: unreachable servers,
 * wrong logins, missing databases, unfit versions, the same database on both sides, and target
 * databases that hold objects. Answers what will be moved.
 */
export async function checkBeforeStart(
  plan: MigratePlan,
  options: { overwrite?: boolean },
): Promise<DatabasePair[]> {
  const [source, target] = await settle([
    openServer('source', plan.source),
    openServer('target', plan.target, plan.targetDatabase),
  ]);
  try {
    const databases = plan.databases ?? (await listDatabases(plan.source, source.session));
    if (databases.length === 0) throw usageError('The source has no database with user objects.');
    const pairs = pairDatabases(plan, databases);
    const [sourceFacts, targetFacts] = await Promise.all([
      readServerFacts(source.session),
      readServerFacts(target.session),
      checkSourceDatabases(source.session, plan.source, databases),
    ]);
    await checkVersions(sourceFacts, targetFacts);
    if (targetFacts.isStandby) {
      throw usageError(
        `The target ${plan.target.host}:${plan.target.port} is a standby: it cannot be written to.`,
      );
    }
    if (sourceFacts.identity === targetFacts.identity) checkNotSame(pairs);
    if (!options.overwrite) await checkTargetDatabases(plan.target, pairs);
    return pairs;
  } finally {
    await Promise.all([source.session.close(), target.session.close()]);
  }
}

async function openServer(
  side: 'source' | 'target',
  endpoint: PgEndpoint,
  database: string | undefined = endpoint.database,
): Promise<{ session: PgSession }> {
  // The target's database need not exist yet: others stand in for it.
  const candidates =
    side === 'source' ? [database] : [...new Set([database, 'postgres', 'template1'])];
  let failure: unknown;
  for (const candidate of candidates) {
    try {
      return { session: await connect(withDatabase(endpoint, candidate), CONNECTION) };
    } catch (error) {
      failure = error;
      if (kindOf(error) !== 'databaseMissing') break;
    }
  }
  throw usageError(`The ${side} cannot be used. ${messageOf(failure)}`, failure);
}

async function readServerFacts(session: PgSession): Promise<ServerFacts> {
  // The system identifier alone is shared by a server and its physical copies.
  const identifier =
    session.serverVersion >= 90600
      ? `case when pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute')
           then (select system_identifier::text from pg_catalog.pg_control_system()) end`
      : 'null';
  const { rows } = await session.query<{ identity: string; standby: boolean }>(
    `select pg_catalog.concat_ws('/', ${identifier},
              extract(epoch from pg_catalog.pg_postmaster_start_time())::text,
              pg_catalog.current_setting('port')) as identity,
            pg_catalog.pg_is_in_recovery() as standby`,
  );
  return {
    version: session.serverVersion,
    identity: rows[0]?.identity ?? '',
    isStandby: rows[0]?.standby ?? false,
  };
}

async function checkVersions(source: ServerFacts, target: ServerFacts): Promise<void> {
  const major = (version: number): number =>
    version >= 100_000 ? Math.floor(version / 10_000) : Math.floor(version / 100) / 100;
  if (source.version < OLDEST_SOURCE) {
    throw usageError(
      'The source is older than PostgreSQL 9.5, which is the oldest that can be read.',
    );
  }
  if (major(target.version) < major(source.version)) {
    throw usageError(
      `The target (PostgreSQL ${major(target.version)}) is older than the source (${major(source.version)}).`,
    );
  }
  const client = await clientBinaries();
  if (client.majorVersion < major(source.version)) {
    throw usageError(
      `pg_dump ${client.majorVersion} cannot read a source of version ${major(source.version)}. ` +
        'Install newer client programs or set PG_BIN_DIR to their folder.',
    );
  }
}

function checkNotSame(pairs: readonly DatabasePair[]): void {
  for (const pair of pairs) {
    if (pair.source !== pair.target) continue;
    throw usageError(
      `Source and target are the same server, and the database "${pair.source}" is on both sides.`,
    );
  }
}

async function checkSourceDatabases(
  session: PgSession,
  endpoint: PgEndpoint,
  databases: readonly string[],
): Promise<void> {
  const { rows } = await session.query<{ name: string }>(
    `select wanted.name from pg_catalog.unnest($1::text[]) as wanted(name)
     where not exists (select from pg_catalog.pg_database d where d.datname = wanted.name)`,
    [databases],
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => `"${name}"`).join(', ');
  throw usageError(`The source ${endpoint.host}:${endpoint.port} has no database ${names}.`);
}

async function checkTargetDatabases(
  endpoint: PgEndpoint,
  pairs: readonly DatabasePair[],
): Promise<void> {
  const occupied = await mapSome(pairs, async (pair) => {
    const found = await asUsage(
      targetDatabaseState(withDatabase(endpoint, pair.target), CONNECTION),
    );
    return found.state === 'hasObjects'
      ? `"${pair.target}" (${found.objects.slice(0, 3).join(', ')}${found.count > 3 ? `, … ${found.count} in all` : ''})`
      : undefined;
  });
  const names = occupied.filter((name) => name !== undefined);
  if (names.length === 0) return;
  throw usageError(
    `On the target, ${names.length === 1 ? 'a database exists and holds objects' : 'databases exist and hold objects'}: ${names.join(', ')}. ` +
      'Give another name in --target, empty it, or let --overwrite drop and make it again.',
  );
}

/** Every database with objects of users in it, as far as this role may connect. */
async function listDatabases(endpoint: PgEndpoint, session: PgSession): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `select datname as name from pg_catalog.pg_database
     where datallowconn and not datistemplate and datname <> all ($1::text[])
       and pg_catalog.has_database_privilege(datname, 'connect')
     order by datname`,
    [PROVIDER_DATABASES],
  );
  const used = await mapSome(rows, async ({ name }) => {
    const found = await asUsage(targetDatabaseState(withDatabase(endpoint, name), CONNECTION));
    return found.state === 'hasObjects' ? name : undefined;
  });
  return used.filter((name) => name !== undefined);
}

/** A few at a time: a server with a hundred databases must not get a hundred connections. */
async function mapSome<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, items.length) }, worker));
  return results;
}

async function asUsage<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof CommandError ? error : usageError(messageOf(error), error);
  }
}

/** Both sides' complaints at once, and no session left open. */
async function settle<Session extends { session: PgSession }>(
  openings: readonly [Promise<Session>, Promise<Session>],
): Promise<[Session, Session]> {
  const [source, target] = await Promise.allSettled(openings);
  if (source.status === 'fulfilled' && target.status === 'fulfilled') {
    return [source.value, target.value];
  }
  const complaints: string[] = [];
  for (const result of [source, target]) {
    if (result.status === 'fulfilled') await result.value.session.close();
    else complaints.push(messageOf(result.reason));
  }
  throw usageError(complaints.join('\n'));
}
