import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { findFolderWith } from '../../shared/pg/clientBinaries.ts';

const run = promisify(execFile);

/** The programs that pgmove is measured against. */
export interface BaselinePrograms {
  /** Holds pg_dump, pg_restore, vacuumdb and psql. */
  postgresFolder: string;
  pgDumpVersion: string;
  /** Undefined where it is not installed. */
  pgcopydb: Pgcopydb | undefined;
}

export interface Pgcopydb {
  program: string;
  /** `0.18` */
  version: string;
  /** Help text of `clone`: options differ by version. */
  cloneHelp: string;
}

export async function findBaselinePrograms(): Promise<BaselinePrograms> {
  const folder = await findFolderWith(['pg_dump', 'pg_restore', 'vacuumdb', 'psql']);
  if (folder === undefined) {
    throw new Error(
      'The baselines need pg_dump, pg_restore, vacuumdb and psql. Install the PostgreSQL client ' +
        'programs (Debian: apt-get install postgresql-client) or set PG_BIN_DIR.',
    );
  }
  const { stdout } = await run(path.join(folder, 'pg_dump'), ['--version']);
  return {
    postgresFolder: folder,
    pgDumpVersion: /(\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? stdout.trim(),
    pgcopydb: await findPgcopydb(),
  };
}

async function findPgcopydb(): Promise<Pgcopydb | undefined> {
  const folder = await findFolderWith(['pgcopydb']);
  if (folder === undefined) return undefined;
  const program = path.join(folder, 'pgcopydb');
  const output = async (args: string[]): Promise<string> => {
    // The help ends with an exit code of its own in some versions.
    const result = await run(program, args).catch(
      (error: { stdout?: string; stderr?: string }) => error,
    );
    return `${result.stdout ?? ''}${result.stderr ?? ''}`;
  };
  const version = /pgcopydb version (\d+(?:\.\d+)*)/.exec(await output(['--version']))?.[1];
  return {
    program,
    version: version ?? 'unknown',
    cloneHelp: await output(['clone', '--help']),
  };
}
