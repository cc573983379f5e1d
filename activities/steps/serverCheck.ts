import type { ServerMetadata } from '../../shared/contracts/records.ts';
import { clientBinaries } from '../../shared/pg/clientBinaries.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { openMaintenance } from './maintenanceSession.ts';

export interface SourceDatabase {
  name: string;
  bytes: number;
}

export type ServerCheck =
  | { problem: string }
  | {
      source: ServerMetadata;
      target: ServerMetadata;
      /** Those that are asked for, largest first. */
      databases: SourceDatabase[];
    };

const OLDEST_SOURCE = 90500;

/** pg_dump writes statements that older servers do not understand. */
const OLDEST_TARGET = 110000;

/** Databases that belong to the server or the service, never to a user. */
const RESERVED = new Set(['template0', 'template1', 'azure_sys', 'azure_maintenance']);

/**
 * Connects to both servers and checks what no migration can do without: versions, pg_dump, the
 * databases, and that the target is another place than the source.
 *
 * @throws MigrationError of `connect` when a server cannot be reached.
 */
export async function checkServers(env: ActivityEnvironment): Promise<ServerCheck> {
  const { wanted } = env.record;
  const [first = 'postgres'] = wanted.databases;
  const reserved = wanted.databases.filter((name) => RESERVED.has(name));
  if (reserved.length > 0) {
    return { problem: `Databases of the server cannot be migrated: ${reserved.join(', ')}.` };
  }
  const [onSource, onTarget] = await Promise.allSettled([
    openMaintenance(env.endpoint('source', first), 'pgmove/check'),
    openMaintenance(env.endpoint('target', first), 'pgmove/check'),
  ]);
  await using source = onSource.status === 'fulfilled' ? onSource.value : undefined;
  await using target = onTarget.status === 'fulfilled' ? onTarget.value : undefined;
  if (onSource.status === 'rejected') throw onSource.reason;
  if (onTarget.status === 'rejected') throw onTarget.reason;
  if (source === undefined || target === undefined) throw new Error('unreachable');
  const versionProblem = await checkVersions(source, target);
  if (versionProblem !== undefined) return { problem: versionProblem };
  const { rows } = await source.query<{ name: string; bytes: string | null }>(
    `select datname as name,
       case when pg_catalog.has_database_privilege(datname, 'connect')
         then pg_catalog.pg_database_size(oid) end as bytes
     from pg_catalog.pg_database
     where datname = any ($1) and datallowconn
     order by 2 desc nulls last, 1`,
    [wanted.databases],
  );
  const found = new Set(rows.map(({ name }) => name));
  const missing = wanted.databases.filter((name) => !found.has(name));
  if (missing.length > 0) {
    return {
      problem: `Databases that are not on the source: ${missing.join(', ')} (603102). Check dbsToMigrate.`,
    };
  }
  const same = await sameServerProblem(env, source, target);
  if (same !== undefined) return { problem: same };
  return {
    source: metadata(source),
    target: metadata(target),
    databases: rows.map(({ name, bytes }) => ({ name, bytes: Number(bytes ?? 0) })),
  };
}

function metadata(session: PgSession): ServerMetadata {
  return { version: versionText(session.serverVersion) };
}

export function versionText(serverVersion: number): string {
  const major = Math.floor(serverVersion / 10000);
  if (major >= 10) return `${major}.${serverVersion % 10000}`;
  return `${major}.${Math.floor(serverVersion / 100) % 100}.${serverVersion % 100}`;
}

async function checkVersions(source: PgSession, target: PgSession): Promise<string | undefined> {
  const [from, to] = [source.serverVersion, target.serverVersion];
  if (from < OLDEST_SOURCE) {
    return `The source is PostgreSQL ${versionText(from)}; 9.5 is the oldest that can be migrated (603400).`;
  }
  if (Math.floor(to / 10000) < Math.floor(from / 10000)) {
    return (
      `The target (PostgreSQL ${versionText(to)}) is older than the source (${versionText(from)}). ` +
      'Migrate to a server of the same or a newer major version.'
    );
  }
  if (to < OLDEST_TARGET) {
    return `The target is PostgreSQL ${versionText(to)}; 11 is the oldest that can be migrated to.`;
  }
  const { folder, majorVersion } = await clientBinaries();
  if (majorVersion < Math.floor(from / 10000)) {
    return (
      `The source is PostgreSQL ${versionText(from)}, but pg_dump in ${folder} is of version ` +
      `${majorVersion}. Install the client programs of version ${Math.floor(from / 10000)} or ` +
      'newer, or set PG_BIN_DIR.'
    );
  }
  return undefined;
}

/** Two names may lead to one server: its system identifier tells. */
async function sameServerProblem(
  env: ActivityEnvironment,
  source: PgSession,
  target: PgSession,
): Promise<string | undefined> {
  const [from, to] = await Promise.all([systemIdentifier(source), systemIdentifier(target)]);
  if (from === undefined || from !== to) return undefined;
  const names = env.record.wanted.databases;
  const same = names.find((name) => names.includes(env.targetName(name)));
  if (same === undefined) return undefined;
  return (
    `Source and target are the same server, and the database ${same} would be copied onto ` +
    'a database of the source. Give another name in targetDbNames.'
  );
}

/** Undefined where the user may not ask. */
async function systemIdentifier(session: PgSession): Promise<string | undefined> {
  try {
    const { rows } = await session.query<{ id: string }>(
      'select system_identifier::text as id from pg_catalog.pg_control_system()',
    );
    return rows[0]?.id;
  } catch {
    return undefined;
  }
}
