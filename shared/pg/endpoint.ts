import type { TlsMode } from '../contracts/tls.ts';

export interface TlsSettings {
  mode: TlsMode;
  /** PEM text of the certificate authorities to trust; the system's when absent. */
  ca?: string;
  /** PEM text of the client's certificate and key. */
  cert?: string;
  key?: string;
}

/** Where a PostgreSQL database is and how to log in. Never stored, never logged: it has the password. */
export interface PgEndpoint {
  host: string;
  port: number;
  user: string;
  /** A function is asked at every connect (tokens that expire). */
  password?: string | (() => Promise<string>);
  database: string;
  tls: TlsSettings;
  /** libpq's `options`, sent when connecting (`-c name=value …`); the fixed session wins over it. */
  options?: string;
  /** Host patterns that are connected to; every host but link-local ones when absent or empty. */
  allowedHosts?: readonly string[];
}

/** The same server and login, another database. */
export function withDatabase(endpoint: PgEndpoint, database: string): PgEndpoint {
  return { ...endpoint, database };
}

/** How an endpoint is named in messages: no password in it. */
export function describeEndpoint(endpoint: PgEndpoint): string {
  return `${endpoint.user}@${endpoint.host}:${endpoint.port}/${endpoint.database}`;
}
