// Finds PostgreSQL's programs and, where it may, installs Debian's packages. The places are those
// of shared/pg/clientBinaries.ts, which cannot be imported before the build.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

const SERVER_PROGRAMS = ['initdb', 'postgres'];
const CLIENT_PROGRAMS = ['pg_dump', 'pg_restore'];
const DEBIAN_ROOT = '/usr/lib/postgresql';

/**
 * Where the parts are; a part that is missing is undefined.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {{ server?: string, client?: string, wal2json?: string }}
 */
export function findPostgres(environment = process.env) {
  const found = {};
  for (const folder of folders(environment)) {
    if (found.server === undefined && holds(folder, SERVER_PROGRAMS)) found.server = folder;
    if (found.client === undefined && holds(folder, CLIENT_PROGRAMS)) found.client = folder;
    if (found.server && found.client) break;
  }
  if (found.server) found.wal2json = findWal2json(found.server);
  return found;
}

/** Best first; pg_config and the PATH come last because asking them costs a process. */
function* folders(environment) {
  if (environment.PG_BIN_DIR) yield environment.PG_BIN_DIR;
  for (const parent of [DEBIAN_ROOT, '/opt/homebrew/opt', '/usr/local/opt']) {
    for (const version of versionsIn(parent)) yield path.join(parent, version, 'bin');
  }
  const configured = output('pg_config', ['--bindir'], environment);
  if (configured) yield configured;
  yield* (environment.PATH ?? '').split(path.delimiter).filter(Boolean);
}

function versionsIn(parent) {
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((entry) => /^(postgresql@)?\d+$/.test(entry))
    .sort((a, b) => Number(b.replace(/\D/g, '')) - Number(a.replace(/\D/g, '')));
}

function holds(folder, programs) {
  return programs.every((program) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The plugin that belongs to these server programs. */
function findWal2json(binFolder) {
  const beside = path.join(path.dirname(binFolder), 'lib', 'wal2json.so');
  if (existsSync(beside)) return beside;
  const config = path.join(binFolder, 'pg_config');
  const folder = existsSync(config) ? output(config, ['--pkglibdir']) : undefined;
  if (!folder) return undefined;
  return ['wal2json.so', 'wal2json.dylib']
    .map((name) => path.join(folder, name))
    .find((file) => existsSync(file));
}

/**
 * Installs server, client programs and wal2json on Debian and Ubuntu, as root or where sudo asks
 * for no password. Returns whether it did.
 *
 * @param {(text: string) => void} note
 */
export function installPostgres(note) {
  const prefix = installerPrefix();
  if (prefix === undefined) return false;
  note('Installing PostgreSQL and wal2json (apt-get) …');
  const keepsCluster = avoidSystemCluster(prefix);
  try {
    if (!apt(prefix, ['update', '-qq'])) return false;
    if (findPostgres({ PATH: '' }).server === undefined && !apt(prefix, installOf('postgresql')))
      return false;
    const major = versionsIn(DEBIAN_ROOT)[0];
    return (
      major !== undefined &&
      apt(
        prefix,
        installOf(
          `postgresql-${major}`,
          `postgresql-client-${major}`,
          `postgresql-${major}-wal2json`,
        ),
      )
    );
  } finally {
    keepsCluster();
  }
}

export function installOf(...packages) {
  return ['install', '-y', '-qq', '--no-install-recommends', ...packages];
}

/** How apt-get is to be called, or undefined where it may not be. */
export function installerPrefix() {
  if (process.platform !== 'linux' || output('apt-get', ['--version']) === undefined)
    return undefined;
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? ['sudo', '-n']
    : undefined;
}

/**
 * Debian starts a server on port 5432 when the package comes in; nobody asked for one. Only root
 * can say so beforehand, and the file goes again, because it is not ours to keep.
 */
function avoidSystemCluster(prefix) {
  if (prefix.length > 0) return () => undefined;
  const folder = '/etc/postgresql-common/createcluster.d';
  const file = path.join(folder, 'pgmove-bootstrap.conf');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, 'create_main_cluster = false\n');
  return () => rmSync(file, { force: true });
}

export function apt(prefix, args) {
  const [program, ...rest] = [
    ...prefix,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    ...args,
  ];
  // Everything apt says goes to stderr: stdout belongs to the program that runs afterwards.
  return spawnSync(program, rest, { stdio: ['ignore', 2, 2] }).status === 0;
}

/** @param {readonly string[]} missing */
export function installationAdvice(missing) {
  const names = {
    server: 'the server (initdb, postgres)',
    client: 'the client programs (pg_dump, pg_restore)',
    wal2json: 'the plugin wal2json',
  };
  const major = versionsIn(DEBIAN_ROOT)[0];
  return [
    `PostgreSQL is incomplete: ${missing.map((part) => names[part]).join(', ')} not found.`,
    '  Debian, Ubuntu:  sudo apt-get install postgresql ' +
      (major
        ? `postgresql-${major}-wal2json`
        : 'postgresql-NN-wal2json   (NN: the version that comes)'),
    '  Fedora:          sudo dnf install postgresql-server postgresql-contrib wal2json',
    '  macOS:           brew install postgresql@17 wal2json',
    'Installed elsewhere? Set PG_BIN_DIR to the folder that holds these programs.',
  ].join('\n');
}

export function output(program, args, environment = process.env) {
  const result = spawnSync(program, args, { encoding: 'utf8', env: environment });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
