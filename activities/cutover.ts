import { filterOf } from '../shared/checks/rule.ts';
import type { CutoverGate } from '../shared/contracts/activities.ts';
import type {
  CutoverRecord,
  DatabaseRecord,
  MigrationRecord,
  StreamStatus,
} from '../shared/contracts/records.ts';
import { databaseEvent, EVENT_TEXT_LIMIT } from '../shared/contracts/events.ts';
import { transitionDatabase } from '../shared/contracts/transitions.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import { switchOff } from '../shared/pg/schema/firingObjects.ts';
import {
  compareFingerprints,
  readSchemaFingerprint,
} from '../shared/pg/source/schemaFingerprint.ts';
import { changeOrTime } from '../shared/state/changeNotice.ts';
import { readPlannedSchema } from '../shared/wal/plannedSchema.ts';
import { canBeReplica } from '../shared/wal/replicaRole.ts';
import { isCancelWanted } from './steps/cancelWatch.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { foldGate } from './steps/foldGate.ts';
import { setOperation } from './steps/operation.ts';
import { fenceSource, unfenceSource } from './steps/sourceChanges.ts';
import { judge, wakeReplicator } from './steps/streamRow.ts';

const WAIT_MS = 10_000;
const LOOK_EVERY_MS = 60;

/**
 * Says whether the database goes on replicating, or its cutover is asked for. A database that has
 * caught up waits for the operator, and the migration with it when all do.
 */
defineActivity(
  'passCutoverGate',
  async ({ ref, database, generation }, env): Promise<CutoverGate> => {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      env.signal.throwIfAborted();
      const [record, row, replication] = await Promise.all([
        env.stores.migrations.get(ref),
        env.stores.databases.get(ref.id, database),
        env.stores.replications.get(ref.id, database),
      ]);
      if (record === undefined || row === undefined || replication === undefined) {
        throw new MigrationError('internal', `${database}: its rows are missing.`);
      }
      refuseCanceled(record, database);
      const consistent = judge(replication, generation, 'consistent');
      if (consistent.next === 'failed') return consistent;
      const overdue = overdueMessage(env, record, row, Date.now());
      if (overdue !== undefined) return { next: 'failed', message: overdue };
      if (consistent.next === 'reached') {
        if (isCutoverWanted(record, row)) return { next: 'cutover' };
        if (judge(replication, generation, 'caughtUp').next === 'reached')
          await waitAtGate(env, row);
        else if (row.state === 'InProgress') {
          await setOperation(env.stores, ref, database, 'Catching up with the source');
        }
      }
      if (Date.now() >= deadline) return { next: 'wait' };
      await changeOrTime(ref.id, LOOK_EVERY_MS);
    }
  },
);

/** The database says Canceling already, which leads nowhere but to its end. */
function refuseCanceled(record: MigrationRecord, database: string): void {
  if (!isCancelWanted(record, database)) return;
  throw new MigrationError('canceled', `The migration ${record.ref.name} is being canceled.`);
}

const HOUR_MS = 60 * 60 * 1000;

/** A stream that nobody ends would keep the source's WAL for ever. */
function overdueMessage(
  { settings }: ActivityEnvironment,
  { startedOn }: MigrationRecord,
  { database, state, atGateSince }: DatabaseRecord,
  now: number,
): string | undefined {
  const { cutoverTimeoutHours, onlineTimeoutDays } = settings;
  const isWaiting = state === 'WaitingForCutoverTrigger' && atGateSince !== undefined;
  if (isWaiting && now - Date.parse(atGateSince) > cutoverTimeoutHours * HOUR_MS) {
    return (
      `${database}: the cutover was not triggered within ${cutoverTimeoutHours} hours. Resume the ` +
      'migration and trigger it, or raise PGMOVE_CUTOVER_TIMEOUT_HOURS.'
    );
  }
  if (now - Date.parse(startedOn) > onlineTimeoutDays * 24 * HOUR_MS) {
    return (
      `${database}: the migration was not cut over within ${onlineTimeoutDays} days. Resume it, or ` +
      'raise PGMOVE_ONLINE_TIMEOUT_DAYS.'
    );
  }
  return undefined;
}

/** Asked for after the last attempt that failed. */
function isCutoverWanted(
  { wanted }: MigrationRecord,
  { database, cutover }: DatabaseRecord,
): boolean {
  const { triggerCutover, cutoverDatabases, cutoverRequestedOn = '' } = wanted;
  if (!triggerCutover) return false;
  if (cutoverDatabases.length > 0 && !cutoverDatabases.includes(database)) return false;
  return cutover?.failedOn === undefined || cutover.failedOn < cutoverRequestedOn;
}

async function waitAtGate(env: ActivityEnvironment, row: DatabaseRecord): Promise<void> {
  const { ref } = env.record;
  if (row.state === 'WaitingForCutoverTrigger') return;
  const now = new Date().toISOString();
  await env.stores.databases.update(ref.id, row.database, (current) =>
    current.state === 'InProgress'
      ? transitionDatabase(ref, current, 'WaitingForCutoverTrigger', now, {
          operation: 'Replicating changes',
          atGateSince: now,
        })
      : undefined,
  );
  await foldGate(env);
}

/**
 * Begins the cutover: closes the source where that is wanted, and tells the stream the position that
 * it is to drain to. Idempotent: a repeated one drains a little further.
 */
defineActivity('beginCutover', async ({ ref, database }, env) => {
  const now = new Date().toISOString();
  const fenced = env.record.spec.fenceSource;
  const stream = (await env.stores.replications.get(ref.id, database))?.stream;
  await env.stores.databases.update(ref.id, database, (row) => {
    if (row.state === 'Canceling') {
      throw new MigrationError('canceled', `${database} is being canceled.`);
    }
    const requestedOn = requestOf(env.record, row, now);
    const moved = transitionDatabase(ref, row, 'InProgress', now, {
      operation: 'Cutting over',
      message: '',
      cutover: { requestedOn, fenced, ...behind(row, stream) },
    });
    if (isCuttingOver(row)) return moved;
    const started = databaseEvent('CutoverStarted', ref, row, now, { requestedOn, fenced });
    return { ...moved, events: [...moved.events, started] };
  });
  await foldGate(env);
  await refuseChangedSchema(env, database);
  if (fenced) await fenceSource(env, database);
  await using source = await env.openSourceToChange(database);
  // Whatever was committed before it is in the WAL before it; and it comes through the stream, so
  // that the end of the drain is seen on a source that is idle.
  const { rows } = await source.query<{ lsn: string }>(
    `select pg_catalog.pg_logical_emit_message(true, 'pgmove', 'cutover')::text as lsn`,
  );
  const lsn = rows[0]?.lsn ?? '';
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: { ...row, cutover: { ...(row.cutover ?? { requestedOn: now, fenced }), lsn } },
  }));
  await env.stores.replications.update(ref.id, database, (row) =>
    row.desired.phase === 'stream'
      ? { ...row, desired: { ...row.desired, drainTo: lsn } }
      : undefined,
  );
  await wakeReplicator(env, database);
  return null;
});

/** The activity runs again: this attempt has been told of. */
function isCuttingOver({ state, operation, cutover }: DatabaseRecord): boolean {
  const isOpen = cutover !== undefined && cutover.failedOn === undefined;
  return state === 'InProgress' && operation === 'Cutting over' && isOpen;
}

/** The cutover is as old as the request for it, or as this attempt when it waited for the copy. */
function requestOf({ wanted }: MigrationRecord, row: DatabaseRecord, now: string): string {
  if (row.cutover !== undefined && row.cutover.failedOn === undefined)
    return row.cutover.requestedOn;
  const { cutoverRequestedOn } = wanted;
  return row.state === 'WaitingForCutoverTrigger' ? (cutoverRequestedOn ?? now) : now;
}

/** How far the target is behind as the cutover begins; a repeated attempt keeps what the first saw. */
function behind(
  { cutover }: DatabaseRecord,
  stream: StreamStatus | undefined,
): Pick<CutoverRecord, 'latencySeconds' | 'lagBytes'> {
  const first = cutover?.failedOn === undefined ? cutover : undefined;
  const { latencySeconds, lagBytes } = first?.lagBytes === undefined ? (stream ?? {}) : first;
  if (latencySeconds === undefined || lagBytes === undefined) return {};
  return { latencySeconds, lagBytes };
}

/** Tables that came or changed since the plan would be missing, or differ, on the target. */
async function refuseChangedSchema(env: ActivityEnvironment, database: string): Promise<void> {
  await using source = await env.open('source', database);
  await using target = await env.open('target', database);
  const planned = await readPlannedSchema(target);
  const present = await readSchemaFingerprint(source, filterOf(env.record.spec));
  const differences = compareFingerprints(planned, present);
  if (differences.length === 0) return;
  const sentences = differences.slice(0, 10).map(({ sentence }) => sentence);
  throw new MigrationError(
    'schemaChanged',
    `${database}: the schema of the source is not what was migrated. ${sentences.join(' ')} Undo the ` +
      'change (move, or drop, tables that are new), then trigger the cutover again.',
  );
}

/** A failed cutover goes back to replicating: the source is opened, the stream goes on. Idempotent. */
defineActivity('abandonCutover', async ({ ref, database, reason }, env) => {
  const unrestored = await unfenceSource(env, database);
  await switchOffTarget(env, database);
  await env.stores.replications.update(ref.id, database, (row) => {
    if (row.desired.phase !== 'stream') return undefined;
    const { drainTo: _drained, ...desired } = row.desired;
    return { ...row, desired };
  });
  await wakeReplicator(env, database);
  const now = new Date().toISOString();
  const message = [`The cutover failed: ${reason}`, ...unrestored].join(' ');
  await env.stores.databases.update(ref.id, database, (row) => {
    if (row.state === 'Canceling') return undefined;
    const begun: CutoverRecord = row.cutover ?? { requestedOn: now, fenced: false };
    const moved = transitionDatabase(ref, row, 'WaitingForCutoverTrigger', now, {
      operation: 'Replicating changes',
      message,
      cutover: { ...begun, failure: reason, failedOn: now },
    });
    if (moved.events.length === 0) return moved;
    const failed = databaseEvent('CutoverFailed', ref, row, now, {
      requestedOn: begun.requestedOn,
      failedOn: now,
      error: reason.slice(0, EVENT_TEXT_LIMIT),
    });
    return { ...moved, events: [failed, ...moved.events] };
  });
  await foldGate(env);
  return null;
});

/** What the cutover created already must not act on the rows that the stream goes on to apply. */
async function switchOffTarget(env: ActivityEnvironment, database: string): Promise<void> {
  await using target = await env.open('target', database);
  await switchOff(target, await canBeReplica(target));
}
