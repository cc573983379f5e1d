import { connect } from '../connect.ts';
import type { PgSession } from '../connect.ts';
import { describeEndpoint } from '../endpoint.ts';
import type { PgEndpoint } from '../endpoint.ts';
import { requireMarker } from './fence.ts';
import { importSnapshot } from './importSnapshot.ts';
import { ReusedBufferSocket } from './reusedBufferSocket.ts';

export interface CopySessionOptions {
  source: PgEndpoint;
  target: PgEndpoint;
  snapshot: string;
  applicationName: string;
  signal: AbortSignal;
  migrationId?: string;
}

/** Of both sides, beside those of session.ts. */
export const COPY_SETTINGS: Readonly<Record<string, string>> = {
  // money as text; in C it is the stored integer with a point.
  lc_monetary: 'C',
  // A backend whose client's machine is gone lets go of its fence within a minute.
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

/**
 * The two connections of a copy, opened when they are needed and again after a failure. The source's
 * is in a transaction under the exported snapshot.
 */
export class CopySessions implements AsyncDisposable {
  readonly #options: CopySessionOptions;
  #source: Promise<PgSession> | undefined;
  #target: Promise<PgSession> | undefined;

  constructor(options: CopySessionOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', this.#onAbort);
  }

  source(): Promise<PgSession> {
    return (this.#source ??= openSource(this.#options));
  }

  target(): Promise<PgSession> {
    return (this.#target ??= openCopyTarget(this.#options));
  }

  /** Both at once. */
  async both(): Promise<{ source: PgSession; target: PgSession }> {
    const [source, target] = await Promise.allSettled([this.source(), this.target()]);
    if (source.status === 'rejected') throw source.reason;
    if (target.status === 'rejected') throw target.reason;
    return { source: source.value, target: target.value };
  }

  /** Closes both; an open transaction on the target is rolled back by that. */
  async reset(): Promise<void> {
    const open = [this.#source, this.#target];
    this.#source = undefined;
    this.#target = undefined;
    await Promise.all(
      open
        .filter((session) => session !== undefined)
        .map((session) => session.then((each) => each.close()).catch(() => undefined)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    await this.reset();
  }

  /** A query that waits for a lock ends with its connection. */
  readonly #onAbort = (): void => void this.reset();
}

async function openSource(options: CopySessionOptions): Promise<PgSession> {
  const { source, applicationName, signal, snapshot } = options;
  const session = await connect(source, {
    applicationName,
    signal,
    plainSocket: () => new ReusedBufferSocket(),
    // Somebody who waits for an exclusive lock stands between this copy and the snapshot's lock,
    // which is not released before the copy is done.
    settings: { ...COPY_SETTINGS, lock_timeout: '60s', max_parallel_workers_per_gather: '0' },
  });
  try {
    // A range of a table is one simple scan: nothing to compile, nothing to share with workers.
    if (session.serverVersion >= 110000) await session.query('set jit = off');
  } catch (error) {
    await session.close();
    throw error;
  }
  await importSnapshot(session, snapshot, describeEndpoint(source));
  return session;
}

/**
 * A session that fills the migration's database.
 *
 * @throws MigrationError fenced when the database is not marked as the migration's.
 */
export async function openCopyTarget(
  options: Omit<CopySessionOptions, 'source' | 'snapshot'>,
): Promise<PgSession> {
  const { target, applicationName, signal, migrationId } = options;
  const session = await connect(target, {
    applicationName,
    signal,
    // What pgmove.copies says is done must be on disk.
    settings: { ...COPY_SETTINGS, synchronous_commit: 'on' },
  });
  try {
    if (session.serverVersion >= 140000) {
      await session.query("set client_connection_check_interval = '10s'");
    }
    await requireMarker(session, target.database, migrationId);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
