import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, MigrationError } from '../errors/migrationError.ts';
import { wrapError } from '../errors/classify.ts';
import type { PgSession } from '../pg/connect.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { Lsn } from './lsn.ts';

const NAME_PREFIX = 'pgmove_';

/** The slot of one database of a migration: always the same name, readable for the operator. */
export function slotNameOf(migrationId: string, database: string): string {
  const hash = createHash('sha256').update(`${migrationId}\0${database}`).digest('hex');
  const readable = database
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 32);
  return `${NAME_PREFIX}${readable}_${hash.slice(0, 16)}`;
}

/** What the source says of a slot. */
export interface SlotState {
  /** Absent while the slot is being created. */
  confirmedFlushLsn?: Lsn;
  restartLsn?: Lsn;
  /** Backend that reads it. */
  activePid?: number;
  /** 13 and later: reserved, extended, unreserved, lost. */
  walStatus?: string;
  /** Bytes that may still be written before the slot is in danger; absent without a limit. */
  safeWalSize?: bigint;
  /** WAL that is kept for the slot. */
  retainedBytes: bigint;
  /** 17 and later. */
  invalidationReason?: string;
}

interface SlotRow {
  confirmed: string | null;
  restart: string | null;
  pid: number | null;
  wal_status: string | null;
  safe_wal_size: string | null;
  retained: string | null;
  reason: string | null;
}

/** Undefined when there is no such slot. */
export async function readSlot(session: PgSession, slot: string): Promise<SlotState | undefined> {
  const since13 = session.serverVersion >= 130000;
  const since17 = session.serverVersion >= 170000;
  const { rows } = await session.query<SlotRow>(
    `select confirmed_flush_lsn::text as confirmed, restart_lsn::text as restart, active_pid as pid,
            ${since13 ? 'wal_status, safe_wal_size::text' : 'null as wal_status, null as safe_wal_size'},
            ${since17 ? 'invalidation_reason' : 'null'} as reason,
            pg_catalog.pg_wal_lsn_diff(
              case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
                   else pg_catalog.pg_current_wal_lsn() end, restart_lsn)::bigint::text as retained
       from pg_catalog.pg_replication_slots where slot_name = $1`,
    [slot],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    ...(row.confirmed === null ? {} : { confirmedFlushLsn: parseLsn(row.confirmed) }),
    ...(row.restart === null ? {} : { restartLsn: parseLsn(row.restart) }),
    ...(row.pid === null ? {} : { activePid: row.pid }),
    ...(row.wal_status === null ? {} : { walStatus: row.wal_status }),
    ...(row.safe_wal_size === null ? {} : { safeWalSize: BigInt(row.safe_wal_size) }),
    retainedBytes: row.retained === null ? 0n : BigInt(row.retained),
    ...(row.reason === null ? {} : { invalidationReason: row.reason }),
  };
}

/** What makes a server the one that the slot was made on. */
export interface SystemIdentity {
  systemIdentifier: string;
  timeline: number;
}

/** @throws MigrationError invalidInput for a standby. */
export async function readSystemIdentity(session: PgSession): Promise<SystemIdentity> {
  // The control file names the timeline of the last checkpoint, which may be from before a failover.
  const { rows } = await session.query<{ id: string; wal_file: string | null }>(
    `select system_identifier::text as id,
            case when not pg_catalog.pg_is_in_recovery()
                 then pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) end as wal_file
       from pg_catalog.pg_control_system()`,
  );
  const row = rows[0];
  if (row === undefined) throw new MigrationError('internal', 'The server gave no identifier.');
  if (row.wal_file === null) {
    throw new MigrationError(
      'invalidInput',
      'The source is a standby; an online migration needs its primary.',
    );
  }
  return {
    systemIdentifier: row.id,
    timeline: Number.parseInt(row.wal_file.slice(0, 8), 16),
  };
}

/**
 * Makes sure that the slot can go on from `position` without a gap: it exists, was not given up or
 * made anew, and the server is the one it was made on.
 *
 * @throws MigrationError slotLost that says which of these is not so.
 */
export async function checkSlot(
  session: PgSession,
  slot: string,
  expected: SystemIdentity & { position: Lsn },
): Promise<SlotState> {
  const identity = await readSystemIdentity(session);
  if (identity.systemIdentifier !== expected.systemIdentifier) {
    throw slotLost(slot, 'the source is another server than at the start');
  }
  if (identity.timeline !== expected.timeline) {
    throw slotLost(slot, `the source is on timeline ${identity.timeline}, after a failover`);
  }
  const state = await readSlot(session, slot);
  if (state === undefined) throw slotLost(slot, 'it does not exist any more');
  if (state.walStatus === 'lost' || state.invalidationReason !== undefined) {
    throw slotLost(slot, `the server gave it up (${state.invalidationReason ?? 'wal_removed'})`);
  }
  const confirmed = state.confirmedFlushLsn;
  if (confirmed === undefined || confirmed > expected.position) {
    const at = confirmed === undefined ? 'no position' : formatLsn(confirmed);
    throw slotLost(
      slot,
      `it stands at ${at}, behind ${formatLsn(expected.position)}, which was applied last; it was made anew or read by somebody else`,
    );
  }
  const { rows } = await session.query<{ lsn: string }>(
    'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
  );
  const insert = parseLsn(rows[0]?.lsn ?? '0/0');
  if (insert < expected.position) {
    throw slotLost(
      slot,
      `the source has written up to ${formatLsn(insert)}, less than was applied already`,
    );
  }
  return state;
}

function slotLost(slot: string, why: string): MigrationError {
  return new MigrationError(
    'slotLost',
    `The replication slot "${slot}" cannot be used: ${why}. Changes are missing; the database has to be copied again.`,
  );
}

const DROP_RETRY_MS = 50;

/**
 * Drops the slot if it is there. A walsender that still reads it is ended: the name is ours, so is
 * its reader.
 *
 * @throws MigrationError lockTimeout when the reader does not end in time.
 */
export async function dropSlot(
  session: PgSession,
  slot: string,
  options: { signal: AbortSignal; waitMs?: number },
): Promise<void> {
  if (!slot.startsWith(NAME_PREFIX)) {
    throw new MigrationError('invalidInput', `The slot "${slot}" is not one of pgmove.`);
  }
  const deadline = performance.now() + (options.waitMs ?? 30_000);
  for (;;) {
    options.signal.throwIfAborted();
    try {
      await session.query(
        `select pg_catalog.pg_terminate_backend(active_pid) from pg_catalog.pg_replication_slots
          where slot_name = $1 and active_pid is not null`,
        [slot],
      );
      await session.query(
        `select pg_catalog.pg_drop_replication_slot(slot_name)
           from pg_catalog.pg_replication_slots where slot_name = $1`,
        [slot],
      );
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code === '42704') return;
      if (code !== '55006') throw wrapError(error, `The slot "${slot}" could not be dropped`);
      if (performance.now() > deadline) {
        throw new MigrationError('lockTimeout', `The slot "${slot}" is still being read.`, {
          cause: error,
        });
      }
    }
    await delay(DROP_RETRY_MS, undefined, { signal: options.signal });
  }
}
