import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { MigrationError } from '../../errors/migrationError.ts';
import type { MigrationErrorKind } from '../../errors/migrationError.ts';
import { clientBinaries } from '../clientBinaries.ts';
import type { PgSession } from '../connect.ts';
import { describeEndpoint } from '../endpoint.ts';
import type { PgEndpoint } from '../endpoint.ts';
import { dumpEnvironment } from '../schema/dump.ts';
import { parseRoles } from './parseRoles.ts';
import type { RoleDump } from './parseRoles.ts';

const run = promisify(execFile);

export interface DumpRolesOptions {
  applicationName: string;
  signal?: AbortSignal;
}

export interface SourceRoles extends RoleDump {
  /** False where the source's user may not read pg_authid. */
  hasPasswords: boolean;
}

const LARGEST_DUMP = 256 * 1024 * 1024;

/** Roles, memberships and settings of the source, as pg_dumpall says them. */
export async function dumpRoles(
  source: PgEndpoint,
  session: PgSession,
  options: DumpRolesOptions,
): Promise<SourceRoles> {
  const { rows } = await session.query<{ may: boolean }>(
    `select pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select') as may`,
  );
  const hasPasswords = rows[0]?.may === true;
  const { folder: binaries } = await clientBinaries();
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-roles-'));
  try {
    const environment = await dumpEnvironment(source, folder, options.applicationName);
    const args = [
      '--roles-only',
      '--no-password',
      '--quote-all-identifiers',
      ...(hasPasswords ? [] : ['--no-role-passwords']),
      // A name with = in it would be read as a connection string; the standard ones serve then.
      ...(/^[\w-]+$/.test(source.database) ? [`--database=${source.database}`] : []),
    ];
    const { stdout } = await run(path.join(binaries, 'pg_dumpall'), args, {
      env: { ...environment, PGCLIENTENCODING: 'UTF8' },
      maxBuffer: LARGEST_DUMP,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return { ...parseRoles(stdout), hasPasswords };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw dumpError(source, error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What pg_dumpall printed holds hashes: only what it complains about is told. */
function dumpError(source: PgEndpoint, error: unknown): MigrationError {
  const { stderr = '', code } = error as { stderr?: string; code?: unknown };
  if (code === 'ENOENT') {
    const message =
      'pg_dumpall was not found beside pg_dump; it is needed for migrateRoles. Install it, or set PG_BIN_DIR.';
    return new MigrationError('toolFailed', message);
  }
  const lines = stderr.split('\n').filter((line) => !/(query|Query) was/.test(line));
  const text = lines.slice(0, 6).join('; ').trim().slice(0, 1000);
  const kind: MigrationErrorKind = /permission denied/.test(text)
    ? 'permissionDenied'
    : /server closed the connection|could not connect|terminating connection|connection to server .* failed/.test(
          text,
        )
      ? 'connectionFailed'
      : 'toolFailed';
  const message = `pg_dumpall of the roles of ${describeEndpoint(source)} failed: ${text || 'it gave no message.'}`;
  return new MigrationError(kind, message);
}
