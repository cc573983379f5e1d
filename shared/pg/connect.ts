import { Socket } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { kindOf } from '../errors/classify.ts';
import { codeOf, messageOf, MigrationError } from '../errors/migrationError.ts';
import { guardSocket } from './addressRules.ts';
import { describeEndpoint } from './endpoint.ts';
import type { PgEndpoint, TlsSettings } from './endpoint.ts';
import { isPooled, refuseSharedBackends } from './pooler.ts';
import { sessionSql } from './session.ts';

export interface ConnectOptions {
  /** Shown in pg_stat_activity: `pgmove/<migration>/<step>`. Cut to 63 bytes by the server. */
  applicationName: string;
  /** Settings that replace those of session.ts. */
  settings?: Readonly<Record<string, string>>;
  /** Makes the socket of a connection without TLS; pg's own when absent. */
  plainSocket?: () => Socket;
  /** Opens a walsender of the database: it takes replication commands, and SQL as simple queries. */
  isReplication?: boolean;
  /** Milliseconds until a connection attempt is given up. */
  connectTimeoutMs?: number;
  signal?: AbortSignal;
}

/** An open connection with the fixed session of session.ts. `await using` closes it. */
export interface PgSession extends AsyncDisposable {
  readonly client: pg.Client;
  /** As in server_version_num: 150018. */
  readonly serverVersion: number;
  readonly backendPid: number;
  /** Whether a connection pooler is in between: see pooler.ts. */
  readonly isPooled: boolean;
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /**
   * Queries of `work` are sent at once, without waiting for the answers to those before. An error of
   * one does not keep the server from the next. `work` ends when all are answered.
   */
  pipelined<Result>(work: () => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

type SslOption = false | ConnectionOptions;

/** The attempts that a mode of libpq stands for, in order. */
function sslAttempts(tls: TlsSettings, host: string): SslOption[] {
  const material: ConnectionOptions = {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
  const unverified = { ...material, rejectUnauthorized: false };
  const verifyCa = { ...material, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  switch (tls.mode) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, unverified];
    case 'prefer':
      return [unverified, false];
    case 'require':
      // As libpq does: a root certificate that is given is also checked.
      return [tls.ca === undefined ? unverified : verifyCa];
    case 'verify-ca':
      return [verifyCa];
    case 'verify-full':
      return [
        {
          ...material,
          rejectUnauthorized: true,
          checkServerIdentity: (_name, cert) => checkServerIdentity(host, cert),
        },
      ];
  }
}

/**
 * Connects and fixes the session.
 *
 * @throws MigrationError with the kinds connectionFailed, authenticationFailed, tlsFailed,
 *   databaseMissing or resourceExhausted; the message names the endpoint, never the password.
 */
export async function connect(endpoint: PgEndpoint, options: ConnectOptions): Promise<PgSession> {
  options.signal?.throwIfAborted();
  const attempts = sslAttempts(endpoint.tls, endpoint.host);
  let failure: unknown;
  for (const ssl of attempts) {
    try {
      return await openSession(endpoint, ssl, options);
    } catch (error) {
      failure = error;
      if (!deservesOtherTls(error)) break;
    }
  }
  throw connectError(endpoint, failure);
}

/** Only a refusal that has to do with encryption leads to the mode's other attempt, as in libpq. */
function deservesOtherTls(error: unknown): boolean {
  const code = codeOf(error);
  return kindOf(error) === 'tlsFailed' || code === '28000' || code === 'EPROTO';
}

function connectError(endpoint: PgEndpoint, error: unknown): MigrationError {
  const kind = kindOf(error);
  return new MigrationError(
    kind === 'internal' ? 'connectionFailed' : kind,
    `Could not connect to ${describeEndpoint(endpoint)} (sslmode ${endpoint.tls.mode}): ${messageOf(error)}`,
    { cause: error },
  );
}

async function openSession(
  endpoint: PgEndpoint,
  ssl: SslOption,
  options: ConnectOptions,
): Promise<PgSession> {
  const config: pg.ClientConfig & { replication?: string } = {
    host: endpoint.host,
    port: endpoint.port,
    user: endpoint.user,
    // An empty password must not make the driver look into the environment or a passfile.
    password: endpoint.password ?? '',
    database: endpoint.database,
    ssl,
    stream: () =>
      guardSocket(
        ssl === false && options.plainSocket ? options.plainSocket() : new Socket(),
        endpoint.allowedHosts ?? [],
      ),
    application_name: options.applicationName,
    ...(options.isReplication ? { replication: 'database' } : {}),
    ...(endpoint.options === undefined ? {} : { options: endpoint.options }),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
  const client = new pg.Client(config);
  // Without a listener a connection that breaks while idle would end the process; whoever uses the
  // session next gets the error from its query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const version = await client.query<{ num: number; pid: number }>(
      "select current_setting('server_version_num')::int as num, pg_catalog.pg_backend_pid() as pid",
    );
    const row = version.rows[0];
    if (row === undefined) throw new MigrationError('internal', 'The server gave no version.');
    if (isPooled(client, row.pid)) await refuseSharedBackends(client, row.pid, config);
    await client.query(sessionSql(row.num, options.settings));
    return wrapClient(client, row.num, row.pid);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

function wrapClient(client: pg.Client, serverVersion: number, backendPid: number): PgSession {
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= client.end().catch(() => undefined));
  return {
    client,
    serverVersion,
    backendPid,
    isPooled: isPooled(client, backendPid),
    query: (text, values) => client.query(text, values),
    pipelined: async (work) => {
      // Not for good: pg refuses COPY on a connection that is in this mode.
      const mode: { pipeline?: boolean } = client;
      mode.pipeline = true;
      try {
        return await work();
      } finally {
        mode.pipeline = false;
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
