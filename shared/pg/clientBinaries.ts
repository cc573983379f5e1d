import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { MigrationError } from '../errors/migrationError.ts';

const run = promisify(execFile);

export type ClientProgram = 'pg_dump' | 'pg_restore' | 'pg_dumpall' | 'psql';

/**
 * Folders that may hold PostgreSQL's programs, best first: PG_BIN_DIR, what pg_config says, the
 * usual places (the newest version first), the PATH.
 */
export async function binaryFolders(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const folders: string[] = [];
  if (environment['PG_BIN_DIR']) folders.push(environment['PG_BIN_DIR']);
  for (const root of ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt']) {
    const entries = await readdir(root).catch(() => []);
    const versions = entries
      .filter((entry) => /^(postgresql@)?\d+$/.test(entry))
      .sort((a, b) => Number(b.replace(/\D/g, '')) - Number(a.replace(/\D/g, '')));
    folders.push(...versions.map((version) => path.join(root, version, 'bin')));
  }
  const config = await run('pg_config', ['--bindir']).catch(() => undefined);
  if (config) folders.push(config.stdout.trim());
  folders.push(...(environment['PATH'] ?? '').split(path.delimiter).filter(Boolean));
  return [...new Set(folders)];
}

/** The first folder that holds all the named programs, or undefined. */
export async function findFolderWith(
  programs: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  for (const folder of await binaryFolders(environment)) {
    const found = await Promise.all(
      programs.map((program) =>
        access(path.join(folder, program), constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (found.every(Boolean)) return folder;
  }
  return undefined;
}

export interface ClientBinaries {
  folder: string;
  /** Major version of pg_dump: 15. */
  majorVersion: number;
}

let known: Promise<ClientBinaries> | undefined;

/**
 * Finds pg_dump and pg_restore once per process.
 *
 * @throws MigrationError toolFailed with what to install.
 */
export function clientBinaries(): Promise<ClientBinaries> {
  known ??= findClientBinaries().catch((error: unknown) => {
    known = undefined;
    throw error;
  });
  return known;
}

async function findClientBinaries(): Promise<ClientBinaries> {
  const folder = await findFolderWith(['pg_dump', 'pg_restore']);
  if (folder === undefined) {
    throw new MigrationError(
      'toolFailed',
      'pg_dump and pg_restore were not found. Install the PostgreSQL client programs (Debian: ' +
        'apt-get install postgresql-client) or set PG_BIN_DIR to the folder that holds them.',
    );
  }
  const { stdout } = await run(path.join(folder, 'pg_dump'), ['--version']);
  const major = /(\d+)(?:\.\d+|devel|beta\d+|rc\d+)/.exec(stdout)?.[1];
  if (major === undefined) {
    throw new MigrationError('toolFailed', `pg_dump in ${folder} gives no version: ${stdout}`);
  }
  return { folder, majorVersion: Number(major) };
}
