import type pg from 'pg';
import { kindOf } from '../../errors/classify.ts';
import { messageOf } from '../../errors/migrationError.ts';
import { connect } from '../connect.ts';
import type { PgSession } from '../connect.ts';
import type { PgEndpoint } from '../endpoint.ts';

export interface SidePoolOptions {
  jobs: number;
  applicationName: string;
  /** An exported snapshot to read under; one is taken when absent. */
  snapshot?: string;
  signal?: AbortSignal;
  /** For the catalogs; rows of tables are never read by an index. Default: false. */
  usesIndexes?: boolean;
}

/**
 * Connections to one side that all read under one snapshot. Every statement runs in a transaction
 * of its own, so that the locks of ten thousand tables are never held at once.
 */
export class SidePool implements AsyncDisposable {
  readonly first: PgSession;
  readonly snapshot: string | undefined;
  readonly #endpoint: PgEndpoint;
  readonly #applicationName: string;
  readonly #sessions: PgSession[];
  readonly #idle: PgSession[];
  readonly #waiting: { start: (session: PgSession) => void; reject: (error: unknown) => void }[] =
    [];
  #failure: Error | undefined;
  #stopListening: () => void = () => undefined;

  private constructor(
    endpoint: PgEndpoint,
    applicationName: string,
    first: PgSession,
    snapshot: string | undefined,
    sessions: PgSession[],
  ) {
    this.#endpoint = endpoint;
    this.#applicationName = applicationName;
    this.first = first;
    this.snapshot = snapshot;
    this.#sessions = sessions;
    this.#idle = [...sessions];
  }

  static async open(endpoint: PgEndpoint, options: SidePoolOptions): Promise<SidePool> {
    const { applicationName, signal } = options;
    const opened: PgSession[] = [];
    try {
      const first = await connect(endpoint, { applicationName, signal });
      opened.push(first);
      // The first connection only reads catalogs, which without indexes takes minutes.
      await first.query(sideSettings(first.serverVersion, true));
      const settings = sideSettings(first.serverVersion, options.usesIndexes ?? false);
      await first.query('begin isolation level repeatable read read only');
      const snapshot = options.snapshot ?? (await exportSnapshot(first));
      const sessions = await Promise.all(
        Array.from({ length: Math.max(1, options.jobs) }, async () => {
          const session = await connect(endpoint, { applicationName, signal });
          opened.push(session);
          await session.query(settings);
          return session;
        }),
      );
      const pool = new SidePool(endpoint, applicationName, first, snapshot, sessions);
      signal?.throwIfAborted();
      pool.#stopListening = pool.#listen(signal);
      return pool;
    } catch (error) {
      await Promise.all(opened.map((session) => session.close()));
      throw error;
    }
  }

  get serverVersion(): number {
    return this.first.serverVersion;
  }

  /** Whether an error ends everything, not only the statement that met it. */
  isBroken(error: unknown): boolean {
    return this.#failure !== undefined || kindOf(error) === 'connectionFailed';
  }

  /** Applies to the statements from now on, on all connections. */
  async set(sql: string): Promise<void> {
    await Promise.all([this.first, ...this.#sessions].map((session) => session.query(sql)));
  }

  /** Runs one statement under the snapshot; those that wait start in the order of their calls. */
  async query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const session = await this.#take();
    try {
      return await this.#queryIn<Row>(session, sql);
    } finally {
      this.#give(session);
    }
  }

  async #queryIn<Row extends pg.QueryResultRow>(session: PgSession, sql: string): Promise<Row[]> {
    const snapshot =
      this.snapshot === undefined
        ? ''
        : `set transaction snapshot '${this.snapshot.replaceAll("'", "''")}'; `;
    try {
      // One message, so one round trip; its results come as a list.
      const results: unknown = await session.query(
        `begin isolation level repeatable read read only; ${snapshot}${sql}; commit`,
      );
      const list = results as pg.QueryResult<Row>[];
      return list.at(-2)?.rows ?? [];
    } catch (error) {
      await session.query('rollback').catch(() => undefined);
      throw this.#failure ?? error;
    }
  }

  async #take(): Promise<PgSession> {
    if (this.#failure) throw this.#failure;
    const session = this.#idle.pop();
    if (session) return session;
    return new Promise((start, reject) => this.#waiting.push({ start, reject }));
  }

  #give(session: PgSession): void {
    const next = this.#waiting.shift();
    if (next) next.start(session);
    else this.#idle.push(session);
  }

  #listen(signal: AbortSignal | undefined): () => void {
    const cancel = (): void => void this.#cancel(signal?.reason);
    signal?.addEventListener('abort', cancel, { once: true });
    return () => signal?.removeEventListener('abort', cancel);
  }

  /** A server does not notice a closed connection while it computes: it is asked to stop. */
  async #cancel(reason: unknown): Promise<void> {
    this.#failure = reason instanceof Error ? reason : new Error(messageOf(reason));
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
    const pids = [this.first, ...this.#sessions].map((session) => session.backendPid);
    try {
      await using session = await connect(this.#endpoint, {
        applicationName: this.#applicationName,
      });
      await session.query(
        'select pg_catalog.pg_cancel_backend(pid) from pg_catalog.unnest($1::int4[]) pid',
        [pids],
      );
    } catch {
      // Then closing the connections has to do.
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    // The other side failed while this one was at work.
    if (this.#failure === undefined && this.#idle.length < this.#sessions.length) {
      await this.#cancel(new Error('The comparison has ended.'));
    }
    await Promise.all([this.first, ...this.#sessions].map((session) => session.close()));
  }
}

/** A standby of an old version cannot export one; then every statement has its own snapshot. */
async function exportSnapshot(session: PgSession): Promise<string | undefined> {
  try {
    const result = await session.query<{ id: string }>(
      'select pg_catalog.pg_export_snapshot() as id',
    );
    return result.rows[0]?.id;
  } catch {
    await session.query('rollback');
    await session.query('begin isolation level repeatable read read only');
    return undefined;
  }
}

/**
 * Indexes are not used: one that a changed collation has spoilt would hide rows. Money must not
 * depend on the locale, and compiling expressions costs more than it gives.
 */
function sideSettings(serverVersion: number, usesIndexes: boolean): string {
  const settings = [
    'set lc_monetary = "C"',
    ...(usesIndexes
      ? []
      : [
          'set enable_indexscan = off',
          'set enable_indexonlyscan = off',
          'set enable_bitmapscan = off',
        ]),
    ...(serverVersion >= 110000 ? ['set jit = off'] : []),
    // From 14 on large tables are read in parts over the connections; before that PostgreSQL's own
    // parallel scan stays on.
    ...(serverVersion >= 140000 ? ['set max_parallel_workers_per_gather = 0'] : []),
  ];
  return settings.join('; ');
}
