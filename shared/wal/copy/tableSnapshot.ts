import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import { isSeen, parseSnapshot } from '../visibility.ts';
import { parseLsn } from '../lsn.ts';
import { readSystemIdentity } from '../slot.ts';
import type { SystemIdentity } from '../slot.ts';
import type { PgSession } from '../../pg/connect.ts';
import { tableLabel } from '../../pg/copy/batch.ts';
import { qualifiedSql } from '../../pg/copy/tables.ts';

interface SnapshotTable {
  oid: number;
  schema: string;
  name: string;
}

export interface TableSnapshot {
  /** Text of `pg_current_snapshot()`. */
  snapshot: string;
  /** The source's insert position when the snapshot was there: it decides about nothing later. */
  lsn: string;
}

/** Below deadlock_timeout (1 s), so that waiting here never makes another session the victim. */
export const LOCK_TIMEOUT = '700ms';
const RETRY_MS = 100;
const LOCK_WAIT_MS = 10 * 60 * 1000;

/**
 * Begins a transaction on the source that locks the tables (ACCESS SHARE) and only then takes its
 * snapshot: TRUNCATE and rewrites are not MVCC-safe. A snapshot is not used that still has in
 * progress a transaction which the slot's own snapshot sees: the stream will never send that one.
 *
 * @throws MigrationError lockTimeout when somebody keeps a table locked, schemaChanged when a table
 *   is not what it was.
 */
export async function takeTableSnapshot(
  session: PgSession,
  tables: readonly SnapshotTable[],
  options: SystemIdentity & { slotSnapshot: string; signal: AbortSignal },
): Promise<TableSnapshot> {
  const slotSnapshot = parseSnapshot(options.slotSnapshot);
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    await session.query('begin isolation level repeatable read read only');
    try {
      await session.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
      const names = tables.map((table) => `only ${qualifiedSql(table)}`);
      await session.query(`lock table ${names.join(', ')} in access share mode`);
      const { rows } = await session.query<TableSnapshot>(
        `select ${currentSnapshotSql(session.serverVersion)}::text as snapshot,
           pg_catalog.pg_current_wal_insert_lsn()::text as lsn`,
      );
      const taken = rows[0];
      if (taken === undefined) throw new MigrationError('internal', 'No snapshot was given.');
      const { inProgress } = parseSnapshot(taken.snapshot);
      const isTooEarly = [...inProgress].some((xid) =>
        isSeen(slotSnapshot, Number(xid & 0xffffffffn)),
      );
      if (!isTooEarly) {
        await requireSameTables(session, tables);
        await requireSameServer(session, options);
        return { snapshot: taken.snapshot, lsn: taken.lsn };
      }
      await session.query('rollback');
    } catch (error) {
      await session.query('rollback').catch(() => undefined);
      if (codeOf(error) === '42P01' || codeOf(error) === '3F000') {
        throw new MigrationError(
          'schemaChanged',
          `A table was dropped or renamed on the source while it was to be copied: ${messageOf(error)}`,
          { cause: error },
        );
      }
      const isLock = codeOf(error) === '55P03' || codeOf(error) === '40P01';
      if (!isLock || Date.now() >= deadline) throw error;
    }
    await delay(RETRY_MS, undefined, { signal: options.signal });
  }
}

/** The function that gives the present snapshot, as text with 64-bit ids. */
export function currentSnapshotSql(serverVersion: number): string {
  return serverVersion >= 130000
    ? 'pg_catalog.pg_current_snapshot()'
    : 'pg_catalog.txid_current_snapshot()';
}

/** A table of the same name that is another one has not the rows that the stream speaks of. */
async function requireSameTables(
  session: PgSession,
  tables: readonly SnapshotTable[],
): Promise<void> {
  const { rows } = await session.query<{ oid: string; schema: string; name: string }>(
    `select c.oid, n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.oid = any ($1::oid[])`,
    [tables.map(({ oid }) => oid)],
  );
  const found = new Map(rows.map((row) => [Number(row.oid), row]));
  const changed = tables.filter(({ oid, schema, name }) => {
    const row = found.get(oid);
    return row === undefined || row.schema !== schema || row.name !== name;
  });
  if (changed.length === 0) return;
  throw new MigrationError(
    'schemaChanged',
    `Dropped, renamed or made anew on the source during the migration: ${changed.map(tableLabel).join(', ')}.`,
  );
}

/**
 * Slot, confirmations and snapshots have to speak of the same primary.
 *
 * @throws MigrationError connectionFailed for a standby, which somebody may lead back to the primary;
 *   slotLost for another server, or one that was promoted meanwhile.
 */
export async function requireSameServer(
  session: PgSession,
  expected: SystemIdentity,
): Promise<void> {
  const { rows } = await session.query<{ recovery: boolean }>(
    'select pg_catalog.pg_is_in_recovery() as recovery',
  );
  if (rows[0]?.recovery !== false) {
    throw new MigrationError(
      'connectionFailed',
      'The source is a standby now; an online migration needs the primary that holds its slot.',
    );
  }
  const { systemIdentifier, timeline } = await readSystemIdentity(session);
  if (systemIdentifier === expected.systemIdentifier && timeline === expected.timeline) return;
  const what =
    systemIdentifier === expected.systemIdentifier
      ? `was promoted, or restored, since the slot was made: it is on timeline ${timeline} and not on ` +
        `${expected.timeline}. The slot does not follow, and the target may have rows that this server ` +
        'never had'
      : 'is another server than the one that holds the slot';
  throw new MigrationError('slotLost', `The source ${what}. The database has to be copied again.`);
}

/**
 * Waits until the source has flushed the position: what asynchronous commits wrote before it cannot
 * vanish in a crash any more. To be asked on the session that took the snapshot.
 */
export async function waitFlushed(
  session: PgSession,
  lsn: string,
  signal: AbortSignal,
): Promise<void> {
  const wanted = parseLsn(lsn);
  // An insert position at the begin of a page is counted behind the page's header, a flushed one
  // before it.
  const offset = wanted % BigInt(PAGE_BYTES);
  const needed = offset <= BigInt(LONG_HEADER_BYTES) ? wanted - offset : wanted;
  for (;;) {
    const { rows } = await session.query<{ lsn: string }>(
      'select pg_catalog.pg_current_wal_flush_lsn()::text as lsn',
    );
    if (parseLsn(rows[0]?.lsn ?? '0/0') >= needed) return;
    await delay(FLUSH_POLL_MS, undefined, { signal });
  }
}

const PAGE_BYTES = 8192;
const LONG_HEADER_BYTES = 40;
const FLUSH_POLL_MS = 20;
