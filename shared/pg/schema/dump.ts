import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { MigrationError } from '../../errors/migrationError.ts';
import type { MigrationErrorKind } from '../../errors/migrationError.ts';
import { allowedAddresses } from '../addressRules.ts';
import { clientBinaries } from '../clientBinaries.ts';
import { connect } from '../connect.ts';
import { describeEndpoint } from '../endpoint.ts';
import type { PgEndpoint } from '../endpoint.ts';
import { makeWorkFolder } from './workFolder.ts';

export interface DumpOptions {
  /** Exported snapshot: the dump sees what its owner sees. */
  snapshot?: string;
  archivePath: string;
  applicationName: string;
  signal?: AbortSignal;
}

/** What pg_dump says (under LC_ALL=C) when it is not to blame; the sample stands above each. */
const KIND_BY_STDERR: readonly (readonly [RegExp, MigrationErrorKind])[] = [
  // ERROR:  invalid snapshot identifier: "00000003-0000001B-1"
  // ERROR:  snapshot "00000003-0000001B-1" does not exist
  [/invalid snapshot identifier|snapshot ".*" does not exist/, 'snapshotLost'],
  // ERROR:  could not import the requested snapshot
  [/could not import the requested snapshot/, 'snapshotLost'],
  // ERROR:  permission denied for table t
  [/permission denied/, 'permissionDenied'],
  // ERROR:  canceling statement due to lock timeout
  [/due to lock timeout|deadlock detected/, 'lockTimeout'],
  // pg_dump: error: aborting because of server version mismatch
  [/server version mismatch/, 'versionUnsupported'],
  // FATAL:  password authentication failed for user "x"
  [/authentication failed|no pg_hba.conf entry/, 'authenticationFailed'],
  // server closed the connection unexpectedly
  [
    /server closed the connection|could not connect|connection to server .* failed/,
    'connectionFailed',
  ],
  [/terminating connection|the database system is/, 'connectionFailed'],
  // could not write to output file: No space left on device
  [/No space left on device/, 'resourceExhausted'],
];

/** Long enough for any pg_dump at work; a lock that is not granted by then is reported. */
const LOCK_WAIT_MS = 120_000;

/**
 * One pg_dump of the whole schema without data: a custom-format archive at archivePath. The
 * archive always has every table; filters are applied to its entries, because pg_dump's own table
 * filters leave out everything that is not a table.
 *
 * @throws MigrationError versionUnsupported when pg_dump is older than the source.
 */
export async function dumpSchema(source: PgEndpoint, options: DumpOptions): Promise<void> {
  const binaries = await clientBinaries();
  const { serverVersion } = await probe(source, options);
  const serverMajor = Math.floor(serverVersion / 10_000);
  if (serverMajor > binaries.majorVersion) {
    throw new MigrationError(
      'versionUnsupported',
      `The source ${describeEndpoint(source)} is PostgreSQL ${serverMajor}, but pg_dump here ` +
        `(${binaries.folder}) is version ${binaries.majorVersion}, which cannot dump a newer ` +
        `server. Install the client programs of PostgreSQL ${serverMajor} or later and set ` +
        'PG_BIN_DIR to their folder.',
    );
  }
  await using folder = await makeWorkFolder();
  const environment = await dumpEnvironment(source, folder.path, options.applicationName);
  const args = [
    '--schema-only',
    '--format=custom',
    '--no-password',
    '--exclude-schema=pgmove',
    // Words that a newer target reserves must be quoted, and only the target knows them.
    '--quote-all-identifiers',
    `--lock-wait-timeout=${LOCK_WAIT_MS}`,
    `--file=${options.archivePath}`,
    ...(options.snapshot === undefined ? [] : [`--snapshot=${options.snapshot}`]),
  ];
  await runDump(path.join(binaries.folder, 'pg_dump'), args, environment, source, options);
}

/** Our own connection gives refusals their kinds, and the version before pg_dump starts. */
async function probe(source: PgEndpoint, options: DumpOptions): Promise<{ serverVersion: number }> {
  await using session = await connect(source, {
    applicationName: options.applicationName,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  return { serverVersion: session.serverVersion };
}

/**
 * Everything that says where and who goes by the environment: a database name with `=` in it would
 * be read as a connection string in argv, and argv is public.
 */
export async function dumpEnvironment(
  source: PgEndpoint,
  folder: string,
  applicationName: string,
): Promise<NodeJS.ProcessEnv> {
  const password =
    typeof source.password === 'function' ? await source.password() : source.password;
  const { tls } = source;
  // The program would look the name up itself, and could be led elsewhere than our own connection.
  const addresses = await allowedAddresses(source.host, source.allowedHosts ?? []);
  const ca = tls.ca ?? (tls.mode.startsWith('verify') ? rootCertificates.join('\n') : undefined);
  // Files that do not exist keep libpq from looking into the home folder.
  return {
    PATH: process.env['PATH'],
    LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'],
    TMPDIR: process.env['TMPDIR'],
    LC_ALL: 'C',
    // A pair for each address, tried in turn; the name is for the check of the certificate.
    PGHOST: addresses.map(() => source.host).join(','),
    PGHOSTADDR: addresses.join(','),
    PGPORT: String(source.port),
    PGUSER: source.user,
    PGDATABASE: source.database,
    PGOPTIONS: source.options ?? '',
    PGPASSWORD: password ?? '',
    PGPASSFILE: path.join(folder, 'no-passfile'),
    PGAPPNAME: applicationName,
    PGCONNECT_TIMEOUT: '15',
    PGGSSENCMODE: 'disable',
    PGSSLMODE: tls.mode,
    PGSSLROOTCERT: await secretFile(folder, 'root.crt', ca),
    PGSSLCERT: await secretFile(folder, 'client.crt', tls.cert),
    PGSSLKEY: await secretFile(folder, 'client.key', tls.key),
    PGSSLCRL: path.join(folder, 'no-crl'),
  };
}

async function secretFile(folder: string, name: string, text: string | undefined): Promise<string> {
  const file = path.join(folder, name);
  if (text !== undefined) await writeFile(file, text, { mode: 0o600 });
  return file;
}

async function runDump(
  program: string,
  args: string[],
  environment: NodeJS.ProcessEnv,
  source: PgEndpoint,
  options: DumpOptions,
): Promise<void> {
  options.signal?.throwIfAborted();
  let stderr = '';
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(options.signal ? { signal: options.signal } : {}),
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-16_384);
    });
    child.once('error', reject);
    child.once('close', resolve);
  });
  options.signal?.throwIfAborted();
  if (code === 0) return;
  const kind = KIND_BY_STDERR.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'toolFailed';
  throw new MigrationError(
    kind,
    `pg_dump of the schema of ${describeEndpoint(source)} failed: ${summary(stderr)}`,
  );
}

/** The lines that say what went wrong, without the query text that pg_dump adds. */
function summary(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^pg_dump: (detail: )?(query|Query) was/i.test(line))
    .map((line) => line.replace(/^pg_dump: (error: )?/, ''));
  const text = lines.slice(0, 6).join('; ');
  return text === '' ? 'it gave no message.' : text.slice(0, 1000);
}
