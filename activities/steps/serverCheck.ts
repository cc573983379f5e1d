import { RESERVED_DATABASES } from '../../shared/checks/databaseNames.ts';
import { sameServerProblem } from '../../shared/checks/sameServer.ts';
import { versionProblem, versionText } from '../../shared/checks/serverVersions.ts';
import type { ServerMetadata } from '../../shared/contracts/records.ts';
import { isTransient, kindOf } from '../../shared/errors/classify.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { openMaintenance } from './maintenanceSession.ts';

export { versionText };

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
      /** Something is wrong that the validation will tell: no gate can look at these servers. */
      isForValidation?: true;
    };

/**
 * Connects to both servers and checks what no migration can do without: versions, pg_dump, the
 * databases, and that the target is another place than the source.
 *
 * @throws MigrationError of `connect` when a server cannot be reached, and no validation follows;
 *   `isPatient`: another attempt follows.
 */
export async function checkServers(
  env: ActivityEnvironment,
  { isPatient }: { isPatient: boolean },
): Promise<ServerCheck> {
  if (env.record.spec.option === 'Migrate') return await look(env);
  // What is wrong then is for the report of the validation to say, beside all else that is.
  const databases = env.record.wanted.databases.map((name) => ({ name, bytes: 0 }));
  const unseen = { source: {}, target: {}, databases, isForValidation: true } as const;
  try {
    const check = await look(env);
    return 'problem' in check ? unseen : check;
  } catch (error) {
    if (!UNREACHABLE.has(kindOf(error)) || (isPatient && isTransient(kindOf(error)))) throw error;
    return unseen;
  }
}

const UNREACHABLE: ReadonlySet<MigrationErrorKind> = new Set([
  'authenticationFailed',
  'connectionFailed',
  'databaseMissing',
  'permissionDenied',
  'resourceExhausted',
  'tlsFailed',
]);

async function look(env: ActivityEnvironment): Promise<ServerCheck> {
  const { wanted } = env.record;
  const [first = 'postgres'] = wanted.databases;
  const reserved = wanted.databases.filter((name) => RESERVED_DATABASES.has(name));
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
  const unsupported = await versionProblem(source, target);
  if (unsupported !== undefined) return { problem: unsupported };
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
  const same = await sameServerProblem(
    source,
    target,
    wanted.databases.map((database) => ({ database, name: env.targetName(database) })),
  );
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
