import { userInfo } from 'node:os';
import path from 'node:path';
import { MigrationError } from '../errors/migrationError.ts';
import { parseConninfo, parseUri } from './connectionText.ts';
import type { PgEndpoint } from './endpoint.ts';
import { readPassfile } from './passfile.ts';
import { readTlsSettings } from './tlsFiles.ts';

/** Environment variables that stand in for a parameter that the text does not give, as in libpq. */
const VARIABLES: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  dbname: 'PGDATABASE',
  options: 'PGOPTIONS',
  passfile: 'PGPASSFILE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
};

/** Parameters of libpq that are accepted and have no effect here. */
const WITHOUT_EFFECT = new Set([
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'connect_timeout',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
  'sslcompression',
  'sslsni',
]);

/** Parameters of which only some values mean what pgmove does anyway. */
const ACCEPTED_VALUES: Readonly<Record<string, readonly string[]>> = {
  gssencmode: ['disable', 'prefer'],
  channel_binding: ['disable', 'prefer'],
  target_session_attrs: ['any'],
  load_balance_hosts: ['disable'],
  sslnegotiation: ['postgres'],
  ssl_min_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2'],
};

/** Parameters that are used, beside those of VARIABLES. */
const USED = new Set([...Object.keys(VARIABLES), 'sslpassword', 'ssl']);

/**
 * Reads a connection string of libpq, a URI (`postgresql://…`) or `key=value` pairs, and what libpq
 * would add to it: environment variables, the passfile, certificates in ~/.postgresql. The default
 * host is localhost over TCP.
 *
 * @throws MigrationError invalidInput that names the parameter; never with a value that may hold
 *   a password.
 */
export async function parseConnectionUri(
  text: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<PgEndpoint> {
  const given = /^postgres(ql)?:\/\//.test(text) ? parseUri(text) : parseConninfo(text);
  checkParameters(given);
  const value = (name: string): string | undefined => {
    const variable = VARIABLES[name];
    return given.get(name) ?? (variable === undefined ? undefined : env[variable] || undefined);
  };
  const host = value('host') || value('hostaddr') || 'localhost';
  checkHost(host, value('hostaddr'));
  const port = parsePort(value('port'));
  const user = value('user') || userInfo().username;
  const database = value('dbname') || user;
  const home = env['HOME'] ?? userInfo().homedir;
  const password =
    value('password') ??
    (await readPassfile(value('passfile') || path.join(home, '.pgpass'), {
      host,
      port,
      database,
      user,
    }));
  const options = value('options');
  return {
    host,
    port,
    user,
    ...(password === undefined ? {} : { password }),
    database,
    tls: await readTlsSettings({
      mode: given.get('ssl') === 'true' ? (value('sslmode') ?? 'require') : value('sslmode'),
      rootCertFile: value('sslrootcert'),
      certFile: value('sslcert'),
      keyFile: value('sslkey'),
      keyPassword: value('sslpassword'),
      folder: path.join(home, '.postgresql'),
    }),
    ...(options ? { options } : {}),
  };
}

function checkParameters(given: ReadonlyMap<string, string>): void {
  for (const [name, value] of given) {
    if (USED.has(name) || WITHOUT_EFFECT.has(name)) continue;
    const accepted = ACCEPTED_VALUES[name];
    if (accepted === undefined) {
      throw new MigrationError(
        'invalidInput',
        `The connection string has a parameter "${name}", which is unknown or not supported.`,
      );
    }
    if (!accepted.includes(value)) {
      throw new MigrationError(
        'invalidInput',
        `The connection string's parameter ${name} may only be ${accepted.join(' or ')} here.`,
      );
    }
  }
}

function checkHost(host: string, address: string | undefined): void {
  if (host.includes(',') || address?.includes(',')) {
    throw new MigrationError(
      'invalidInput',
      'The connection string names several hosts; name the one primary server to use.',
    );
  }
  if (host.startsWith('/') || host.startsWith('@')) {
    throw new MigrationError(
      'invalidInput',
      'The connection string names a Unix socket; servers are reached over TCP: give a host name or address.',
    );
  }
  if (address !== undefined && address !== host) {
    throw new MigrationError(
      'invalidInput',
      'The connection string has both host and hostaddr; give one of them.',
    );
  }
}

function parsePort(text: string | undefined): number {
  if (text === undefined || text === '') return 5432;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  // The text is not repeated: a password with an unescaped "/" or "@" ends up here.
  if (port < 1 || port > 65_535) {
    throw new MigrationError(
      'invalidInput',
      'The port in the connection string is not a number from 1 to 65535. ' +
        'In a URI write special characters of user name and password as %XX.',
    );
  }
  return port;
}
