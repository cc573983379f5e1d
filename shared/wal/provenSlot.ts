import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { codeOf, MigrationError } from '../errors/migrationError.ts';
import { connect } from '../pg/connect.ts';
import type { PgSession } from '../pg/connect.ts';
import type { PgEndpoint } from '../pg/endpoint.ts';
import { parseLsn } from './lsn.ts';
import type { Lsn } from './lsn.ts';
import { MESSAGE_PREFIX, PLUGIN } from './plugin.ts';
import { dropSlot, readSystemIdentity } from './slot.ts';
import type { SystemIdentity } from './slot.ts';
import { describeBlockers } from './slotBlockers.ts';
import { streamError } from './streamError.ts';

/*
 * PostgreSQL can lose catalog changes that commit while a logical slot is being made: the slot then
 * fails with "could not map filenode", for ever, at the first change of such a table. So a new slot
 * is only used when the catalog did not change around its creation, and when a message that was
 * committed after every transaction of that time has come through it.
 */

export interface ProvenSlotOptions {
  endpoint: PgEndpoint;
  slot: string;
  applicationName: string;
  signal: AbortSignal;
  /** Milliseconds that older transactions are waited for; default ten minutes. */
  waitMs?: number;
  /** Called every few seconds with the transactions that the slot waits for, as text. */
  onWait?: (blockers: string) => void;
  /** How often a slot that cannot be proven is made anew; default 5. */
  maxAttempts?: number;
}

export interface ProvenSlot extends SystemIdentity {
  slot: string;
  /** The stream begins here. */
  consistentPoint: Lsn;
  /** What is committed at that point: the text of pg_current_snapshot(). */
  slotSnapshot: string;
}

const POLL_MS = 50;

/** Tables that one message names at most. */
const MOST_NAMES = 5;

/** Who stands in the way is told this often. */
const TELL_MS = 3_000;

/**
 * Makes the slot and proves it; nothing of its stream is consumed. A slot of that name which is
 * there already is dropped: the caller has not begun to use it.
 *
 * @throws MigrationError invalidInput (a standby), lockTimeout (transactions did not end in time, or
 *   the schema kept changing; no slot is left), permissionDenied, toolFailed, resourceExhausted.
 */
export async function createProvenSlot(options: ProvenSlotOptions): Promise<ProvenSlot> {
  await using control = await connect(options.endpoint, {
    applicationName: options.applicationName,
    signal: options.signal,
    // The canary has to be on disk to be decoded, but not on a standby that may not answer.
    settings: { synchronous_commit: 'local' },
  });
  const identity = await readSystemIdentity(control);
  const deadline = performance.now() + (options.waitMs ?? 600_000);
  const maxAttempts = options.maxAttempts ?? 5;
  let why = '';
  try {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      await dropSlot(control, options.slot, { signal: options.signal });
      const before = await readCatalog(control);
      const made = await makeSlot(control, options, deadline);
      await waitForOlder(control, options, deadline);
      const canary = await sendCanary(control);
      const changed = changedTables(before, await readCatalog(control));
      if (changed.length > 0) {
        why = describeChange(changed);
        continue;
      }
      const failure = await decode(control, options.slot, canary);
      if (failure === undefined) return { slot: options.slot, ...made, ...identity };
      why = failure;
    }
    throw new MigrationError(
      'lockTimeout',
      `The slot "${options.slot}" was made ${maxAttempts} times and could not be proven: ${why}.`,
    );
  } catch (error) {
    const cleanUp = AbortSignal.timeout(10_000);
    await dropSlot(control, options.slot, { signal: cleanUp }).catch(() => undefined);
    if (options.signal.aborted) {
      throw new MigrationError('canceled', `Making the slot "${options.slot}" was stopped.`);
    }
    throw streamError(error, options.slot);
  }
}

/** By the table's oid: its name, and everything that decides how its rows in the log are read. */
type Catalog = ReadonlyMap<string, { name: string; state: string }>;

/** Temporary tables are not in the stream. */
async function readCatalog(session: PgSession): Promise<Catalog> {
  const { rows } = await session.query<{ oid: string; name: string; state: string }>(
    `select r.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, r.relname) as name,
            concat_ws('/', r.relfilenode, r.relpersistence, r.relkind, r.relreplident,
                      t.oid, t.relfilenode, a.columns) as state
       from pg_catalog.pg_class r
       join pg_catalog.pg_namespace n on n.oid = r.relnamespace
       left join pg_catalog.pg_class t on t.oid = r.reltoastrelid
       left join (select attrelid, concat_ws(':', count(*), sum(pg_catalog.hashtext(line)),
                                             sum(pg_catalog.hashtext(line || '/'))) as columns
                    from (select attrelid, concat_ws('/', attnum, attname, atttypid, attisdropped) as line
                            from pg_catalog.pg_attribute where attnum > 0) lines
                   group by attrelid) a on a.attrelid = r.oid
      where r.relkind in ('r', 'p', 'm') and r.relpersistence <> 't'`,
  );
  return new Map(rows.map(({ oid, ...table }) => [oid, table]));
}

/** Names of the tables that are not in both catalogs as they are in the other. */
function changedTables(before: Catalog, after: Catalog): string[] {
  const names = new Set<string>();
  for (const [oid, { name, state }] of after) {
    if (before.get(oid)?.state !== state) names.add(name);
  }
  for (const [oid, { name }] of before) if (!after.has(oid)) names.add(name);
  return [...names].sort();
}

function describeChange(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return (
    `${names.slice(0, MOST_NAMES).join(', ')}${more} ` +
    `${names.length === 1 ? 'was' : 'were'} created, altered, truncated or dropped meanwhile. ` +
    'Pause what does that until the slot is made'
  );
}

/** Creates the slot within the time that is left. */
async function makeSlot(
  control: PgSession,
  options: ProvenSlotOptions,
  deadline: number,
): Promise<{ consistentPoint: Lsn; slotSnapshot: string }> {
  await using replication = await connect(options.endpoint, {
    applicationName: options.applicationName,
    isReplication: true,
    signal: options.signal,
  });
  const { backendPid } = replication;
  let blockers: string | undefined;
  let givingUp: Promise<void> | undefined;
  const giveUp = async (): Promise<void> => {
    blockers = await describeBlockers(control, backendPid).catch(() => 'unknown transactions');
    // Canceled while it waits, the server removes what it has made of the slot.
    await control.query('select pg_catalog.pg_cancel_backend($1)', [backendPid]);
  };
  const onEnd = (): void => {
    givingUp ??= giveUp().catch(() => undefined);
  };
  const timer = setTimeout(onEnd, Math.max(0, deadline - performance.now()));
  const telling = setInterval(() => {
    describeBlockers(control, backendPid).then(options.onWait, () => undefined);
  }, TELL_MS);
  options.signal.addEventListener('abort', onEnd);
  try {
    const created = await replication.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${pg.escapeIdentifier(options.slot)} LOGICAL ${PLUGIN} EXPORT_SNAPSHOT`,
    );
    const row = created.rows[0];
    if (row === undefined) throw new MigrationError('internal', 'The server made no slot.');
    return {
      consistentPoint: parseLsn(row.consistent_point),
      slotSnapshot: await readSnapshot(control, row.snapshot_name),
    };
  } catch (error) {
    await givingUp;
    if (blockers !== undefined && codeOf(error) === '57014') throw waitedTooLong(options, blockers);
    throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(telling);
    options.signal.removeEventListener('abort', onEnd);
    await givingUp;
  }
}

/** The exported snapshot lives until the next command of the connection that made the slot. */
async function readSnapshot(control: PgSession, name: string): Promise<string> {
  await control.query('begin isolation level repeatable read read only');
  try {
    await control.query(`set transaction snapshot ${pg.escapeLiteral(name)}`);
    const { rows } = await control.query<{ snapshot: string }>(
      'select pg_catalog.txid_current_snapshot()::text as snapshot',
    );
    return rows[0]?.snapshot ?? '';
  } finally {
    await control.query('rollback');
  }
}

/** Waits until every transaction that runs now has ended. */
async function waitForOlder(
  control: PgSession,
  options: ProvenSlotOptions,
  deadline: number,
): Promise<void> {
  const { rows } = await control.query<{ xmax: string }>(
    'select pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())::text as xmax',
  );
  const xmax = rows[0]?.xmax;
  let toldAt = performance.now();
  for (;;) {
    const { rows: found } = await control.query<{ passed: boolean }>(
      `select pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()) >= $1::bigint as passed`,
      [xmax],
    );
    if (found[0]?.passed) return;
    if (performance.now() > deadline) {
      throw waitedTooLong(options, await describeBlockers(control, control.backendPid));
    }
    if (performance.now() - toldAt > TELL_MS) {
      toldAt = performance.now();
      options.onWait?.(await describeBlockers(control, control.backendPid));
    }
    await delay(POLL_MS, undefined, { signal: options.signal });
  }
}

interface Canary {
  content: string;
  /** Behind its commit. */
  endLsn: string;
}

async function sendCanary(control: PgSession): Promise<Canary> {
  const content = `slot ${randomUUID()}`;
  await control.query('select pg_catalog.pg_logical_emit_message(true, $1, $2)', [
    MESSAGE_PREFIX,
    content,
  ]);
  const { rows } = await control.query<{ lsn: string }>(
    'select pg_catalog.pg_current_wal_flush_lsn()::text as lsn',
  );
  return { content, endLsn: rows[0]?.lsn ?? '0/0' };
}

/** Decodes up to the canary on the server, and leaves the slot where it is; returns what went wrong. */
async function decode(
  control: PgSession,
  slot: string,
  canary: Canary,
): Promise<string | undefined> {
  try {
    const { rows } = await control.query<{ seen: boolean | null }>(
      `select pg_catalog.bool_or(pg_catalog.strpos(data, $3) > 0) as seen
         from pg_catalog.pg_logical_slot_peek_changes($1, $2::pg_lsn, null, 'format-version', '2')`,
      [slot, canary.endLsn, canary.content],
    );
    return rows[0]?.seen ? undefined : 'a message did not come through it';
  } catch (error) {
    const failure = streamError(error, slot);
    if (failure.kind === 'dataFailed') return failure.message;
    throw failure;
  }
}

function waitedTooLong(options: ProvenSlotOptions, blockers: string): MigrationError {
  return new MigrationError(
    'lockTimeout',
    `The slot "${options.slot}" waits for transactions that began before it, and they did not end ` +
      `within ${Math.round((options.waitMs ?? 600_000) / 1000)} s: ${blockers}. ` +
      'End them, or let it wait longer.',
  );
}
