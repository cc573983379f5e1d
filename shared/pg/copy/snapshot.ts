import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import { connect } from '../connect.ts';
import type { PgSession } from '../connect.ts';
import { describeEndpoint } from '../endpoint.ts';
import type { PgEndpoint } from '../endpoint.ts';
import type { TableFilter } from '../tablePattern.ts';
import { tableMatcher } from './tableFilter.ts';
import {
  COPIED_TABLES_SQL,
  EXTENSION_CONFIG_SQL,
  qualifiedSql,
  readPartitioning,
} from './tables.ts';

export interface HoldSnapshotOptions {
  filter: TableFilter;
  applicationName: string;
  signal: AbortSignal;
  /** How long locks are waited for, all attempts together. Default: ten minutes. */
  lockWaitMs?: number;
}

/** An exported snapshot, and locks on every table that is read under it. */
export interface HeldSnapshot {
  /** For `set transaction snapshot` and `pg_dump --snapshot`. */
  readonly snapshot: string;
  /** The WAL position at which it was taken; undefined where the server does not tell it. */
  readonly lsn: string | undefined;
  readonly serverVersion: number;
  readonly backendPid: number;
  /** Settles with the reason when the connection breaks; never after release(). */
  readonly lost: Promise<string>;
  release(): Promise<void>;
}

interface LockedTable {
  oid: number;
  schema: string;
  name: string;
}

/** Below deadlock_timeout (1 s), so that waiting here never makes another session the victim. */
const LOCK_TIMEOUT = '700ms';

const LOCK_RETRY_MS = 300;
const LOCK_WAIT_MS = 10 * 60 * 1000;
const TABLES_PER_LOCK = 500;
const KEEPALIVE_MS = 30_000;

/**
 * Locks the tables (ACCESS SHARE) and only then takes and exports a snapshot: TRUNCATE and rewrites
 * are not MVCC-safe, a table that one of them reached in between would be empty under the snapshot.
 * Works on a standby too.
 *
 * @throws MigrationError lockTimeout when somebody keeps a table locked, resourceExhausted with the
 *   setting to raise, permissionDenied, or what connect throws.
 */
export async function holdSnapshot(
  endpoint: PgEndpoint,
  options: HoldSnapshotOptions,
): Promise<HeldSnapshot> {
  const { applicationName, signal } = options;
  const session = await connect(endpoint, { applicationName, signal });
  const onAbort = () => void session.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const snapshot = await lockAndExport(session, endpoint, options);
    signal.throwIfAborted();
    return keep(session, snapshot, await readPosition(session));
  } catch (error) {
    await session.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function lockAndExport(
  session: PgSession,
  endpoint: PgEndpoint,
  options: HoldSnapshotOptions,
): Promise<string> {
  const deadline = Date.now() + (options.lockWaitMs ?? LOCK_WAIT_MS);
  for (;;) {
    const tables = await tablesToLock(session, options.filter);
    // LOCK and SET take no snapshot; the first query of the transaction does.
    await session.query('begin isolation level repeatable read read only');
    try {
      await lockTables(session, tables);
      const exported = await session.query<{ id: string }>(
        'select pg_catalog.pg_export_snapshot() as id',
      );
      const seen = await tablesToLock(session, options.filter);
      if (sameTables(tables, seen)) return exported.rows[0]?.id ?? '';
      await session.query('rollback');
    } catch (error) {
      await session.query('rollback').catch(() => undefined);
      // 42P01, 3F000: dropped or renamed after it was listed.
      const isPassing = ['55P03', '40P01', '42P01', '3F000'].includes(codeOf(error) ?? '');
      if (!isPassing) throw await lockError(session, endpoint, tables, error);
      if (Date.now() >= deadline) throw await blockedError(session, endpoint, tables);
    }
    await delay(LOCK_RETRY_MS, undefined, { signal: options.signal });
  }
}

async function tablesToLock(session: PgSession, filter: TableFilter): Promise<LockedTable[]> {
  const { rows } = await session.query<{ oid: string; schema: string; name: string }>(
    `select c.oid, n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     left join (${EXTENSION_CONFIG_SQL}) e on e.oid = c.oid
     where ${COPIED_TABLES_SQL}
     order by c.oid`,
  );
  const matches = tableMatcher(filter);
  const ancestorsOf = await readPartitioning(session);
  return rows
    .map(({ oid, schema, name }) => ({ oid: Number(oid), schema, name }))
    .filter((table) => matches(table, ancestorsOf(table.oid)));
}

async function lockTables(session: PgSession, tables: readonly LockedTable[]): Promise<void> {
  await session.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
  for (let first = 0; first < tables.length; first += TABLES_PER_LOCK) {
    const names = tables
      .slice(first, first + TABLES_PER_LOCK)
      .map((t) => `only ${qualifiedSql(t)}`);
    await session.query(`lock table ${names.join(', ')} in access share mode`);
  }
}

function sameTables(locked: readonly LockedTable[], seen: readonly LockedTable[]): boolean {
  return (
    locked.length === seen.length &&
    seen.every((table, index) => {
      const other = locked[index];
      return other?.oid === table.oid && other.schema === table.schema && other.name === table.name;
    })
  );
}

async function lockError(
  session: PgSession,
  endpoint: PgEndpoint,
  tables: readonly LockedTable[],
  cause: unknown,
): Promise<unknown> {
  const where = `Could not lock the ${tables.length} tables of ${describeEndpoint(endpoint)}`;
  if (codeOf(cause) === '53200') {
    const { rows } = await session.query<{ locks: number; connections: number }>(
      `select current_setting('max_locks_per_transaction')::int as locks,
         current_setting('max_connections')::int as connections`,
    );
    const { locks = 64, connections = 100 } = rows[0] ?? {};
    // Held twice at once, by the snapshot and by pg_dump, and half as much again for the others.
    const needed = Math.max(2 * locks, Math.ceil((3 * tables.length) / connections));
    return new MigrationError(
      'resourceExhausted',
      `${where}: its lock table is full. Raise max_locks_per_transaction from ${locks} to at least ` +
        `${needed} and restart the server.`,
      { cause },
    );
  }
  if (codeOf(cause) === '42501') {
    return new MigrationError(
      'permissionDenied',
      `${where}: ${messageOf(cause)}. Grant SELECT on it to ${endpoint.user}, or exclude it.`,
      { cause },
    );
  }
  return cause;
}

/** Names the tables that somebody else keeps locked. */
async function blockedError(
  session: PgSession,
  endpoint: PgEndpoint,
  tables: readonly LockedTable[],
): Promise<MigrationError> {
  const { rows } = await session.query<{ relation: string; pid: number }>(
    `select relation, pid from pg_catalog.pg_locks
     where locktype = 'relation' and mode = 'AccessExclusiveLock' and relation = any ($1::oid[])
       and database = (select oid from pg_catalog.pg_database
                       where datname = pg_catalog.current_database())`,
    [tables.map(({ oid }) => oid)],
  );
  const blockers = rows.slice(0, 5).map(({ relation, pid }) => {
    const table = tables.find(({ oid }) => oid === Number(relation));
    return `${table?.schema}.${table?.name} (process ${pid})`;
  });
  return new MigrationError(
    'lockTimeout',
    `Could not lock the tables of ${describeEndpoint(endpoint)}: ` +
      `${blockers.join(', ') || 'some table'} stays locked by another session.`,
  );
}

/** For people only: a service that forbids the question must not cost the snapshot. */
async function readPosition(session: PgSession): Promise<string | undefined> {
  const [replayed, inserted] =
    session.serverVersion >= 100_000
      ? ['pg_last_wal_replay_lsn', 'pg_current_wal_insert_lsn']
      : ['pg_last_xlog_replay_location', 'pg_current_xlog_insert_location'];
  await session.query('savepoint position');
  try {
    const { rows } = await session.query<{ lsn: string | null }>(
      `select (case when pg_catalog.pg_is_in_recovery() then pg_catalog.${replayed}()
                    else pg_catalog.${inserted}() end)::text as lsn`,
    );
    return rows[0]?.lsn ?? undefined;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    await session.query('rollback to savepoint position');
    return undefined;
  }
}

function keep(session: PgSession, snapshot: string, lsn: string | undefined): HeldSnapshot {
  let isReleased = false;
  let tellLost: (reason: string) => void = () => undefined;
  const lost = new Promise<string>((resolve) => (tellLost = resolve));
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered >= 2) {
      lose('The server that held the snapshot does not answer.');
      void session.close();
      return;
    }
    unanswered++;
    session.query('select 1').then(
      () => (unanswered = 0),
      (error: unknown) => lose(messageOf(error)),
    );
  }, KEEPALIVE_MS);
  timer.unref();
  const lose = (reason: string) => {
    clearInterval(timer);
    if (!isReleased) tellLost(reason);
  };
  session.client.on('error', (error) => lose(messageOf(error)));
  session.client.on('end', () => lose('The connection that held the snapshot was closed.'));
  return {
    snapshot,
    lsn,
    serverVersion: session.serverVersion,
    backendPid: session.backendPid,
    lost,
    async release() {
      isReleased = true;
      clearInterval(timer);
      await session.close();
    },
  };
}
