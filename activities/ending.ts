import type {
  CutoverRecord,
  DatabaseRecord,
  MigrationRecord,
} from '../shared/contracts/records.ts';
import { isDatabaseEnded, isEnded } from '../shared/contracts/status.ts';
import type { MigrationState } from '../shared/contracts/status.ts';
import type { ErrorCode } from '../shared/contracts/eventTypes.ts';
import { transitionDatabase, transitionMigration } from '../shared/contracts/transitions.ts';
import type { EndDetails } from '../shared/contracts/transitions.ts';
import { dropControlSchema } from '../shared/pg/copy/control.ts';
import { restoreEventTriggers } from '../shared/pg/schema/eventTriggers.ts';
import { isCancelWanted } from './steps/cancelWatch.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { failedTablesNews } from './steps/failedTables.ts';
import { settleJoinedRoles } from './steps/joinedRoles.ts';
import { noteNotCarried } from './steps/notCarried.ts';
import { keepForResume, releaseReplication } from './steps/releaseReplication.ts';
import { readSchemaPart } from './steps/schemaParts.ts';

const MOST_NAMED_TABLES = 20;

/** Ends a database: its snapshot, its traces on the target, its state. Idempotent. */
defineActivity(
  'completeDatabase',
  async (input, env) => {
    const { ref, database, outcome } = input;
    if (input.keepSnapshot)
      await keepForResume(env.stores, ref, database, Date.now(), env.settings.failedRetentionHours);
    else await releaseReplication(env.stores, ref, database);
    if (outcome === 'Succeeded') await leaveTarget(env, database);
    const tables = outcome === 'Failed' ? await failedTables(env, database) : '';
    const message = [input.message, tables].filter((text) => text !== '').join(' ');
    // Most were told of while the others were copied; one that failed after them was not.
    const newsOf = tables === '' ? undefined : await failedTablesNews(env.stores, ref, database);
    const kind = tables === '' ? (input.kind ?? 'other') : 'tablesFailed';
    const now = new Date().toISOString();
    await env.stores.databases.update(ref.id, database, (row) => {
      const news = newsOf?.(row);
      const moved = transitionDatabase(ref, row, outcome, now, {
        ...(row.cutover === undefined ? {} : { cutover: endedCutover(row.cutover, outcome, now) }),
        ...news?.row,
        message,
        ...(outcome === 'Failed' ? { errorCode: kind } : {}),
        operation: outcome === 'Succeeded' ? 'Completed' : row.operation,
        loadingTables: 0,
      });
      return { ...moved, events: [...(news?.events ?? []), ...moved.events] };
    });
    if (outcome === 'Canceled') await leaveCanceling(env, now);
    return null;
  },
  { evenWhenCanceled: true },
);

function endedCutover(
  cutover: CutoverRecord,
  outcome: DatabaseRecord['state'],
  now: string,
): CutoverRecord {
  if (outcome !== 'Succeeded' || cutover.endedOn !== undefined) return cutover;
  const durationMs = Date.parse(now) - Date.parse(cutover.requestedOn);
  return { ...cutover, endedOn: now, durationMs };
}

/** When only some databases were canceled and the last of them has ended, the others go on. */
async function leaveCanceling(env: ActivityEnvironment, now: string): Promise<void> {
  const { ref } = env.record;
  const rows = await env.stores.databases.list(ref.id);
  const isDone = rows.every(({ state }) => state !== 'Canceling');
  const isAnyLeft = rows.some(({ state }) => !isDatabaseEnded(state));
  if (!isDone || !isAnyLeft) return;
  await env.stores.migrations.update(ref, (row) =>
    row.status.subState === 'CancelingRequestedDBMigrations'
      ? transitionMigration(row, { state: 'InProgress', subState: 'MigratingData' }, now)
      : undefined,
  );
}

/**
 * The last steps on the target. What goes before them is noted as complete first, because without
 * the schema pgmove a later run could not tell this database from somebody else's.
 */
async function leaveTarget(env: ActivityEnvironment, database: string): Promise<void> {
  const { ref } = env.record;
  const { generation } = await env.stores.databases.update(ref.id, database, (current) => ({
    record: { ...current, targetComplete: true },
  }));
  await using target = await env.open('target', database);
  await dropControlSchema(target);
  const plan = await readSchemaPart(env, 'eventTriggers', { database, generation });
  // They would fire on every statement of ours: hence after all of them.
  await noteNotCarried(env.stores, ref, database, await restoreEventTriggers(target, plan));
}

async function failedTables(env: ActivityEnvironment, database: string): Promise<string> {
  const { rows, continuation } = await env.stores.tables.page(env.record.ref.id, database, {
    state: 'failed',
    top: MOST_NAMED_TABLES,
  });
  if (rows.length === 0) return '';
  const causes = rows.map(({ error }) => error).join(' ');
  return `Tables that failed: ${causes}${continuation === undefined ? '' : ' And more.'}`;
}

/** Ends the migration in the state that its databases ended in. Idempotent. */
defineActivity(
  'completeMigration',
  async ({ ref, failure, failureKind }, env) => {
    const databases = await settleDatabases(env, failure, failureKind);
    const details = endDetails(
      databases,
      failure === undefined ? undefined : (failureKind ?? 'other'),
    );
    const isSuccess = finalState(env.record, databases, failure).state === 'Succeeded';
    // An attempt after the end has no login any more.
    if (!isEnded(env.record.status)) await settleJoinedRoles(env, isSuccess);
    const now = new Date().toISOString();
    const updated = await env.stores.migrations.update(ref, (row) =>
      isEnded(row.status)
        ? undefined
        : transitionMigration(row, finalState(row, databases, failure), now, details),
    );
    if (updated.status.state === 'Succeeded') {
      await env.deleteSecrets();
      await env.stores.migrations.update(ref, (row) => ({
        record: { ...row, secretsDeleted: true },
      }));
    }
    return { state: updated.status.state };
  },
  { evenWhenCanceled: true },
);

/** The sums, and what kind of failure it was: the first database's where it was one of theirs. */
function endDetails(
  databases: readonly DatabaseRecord[],
  failure: ErrorCode | undefined,
): EndDetails {
  const sum = (count: (row: DatabaseRecord) => number) =>
    databases.reduce((total, row) => total + count(row), 0);
  const inState = (state: DatabaseRecord['state']) => sum((row) => (row.state === state ? 1 : 0));
  const failed = databases.find(({ state }) => state === 'Failed');
  return {
    errorCode: failure ?? failed?.errorCode ?? 'other',
    counters: {
      databases: databases.length,
      databasesSucceeded: inState('Succeeded'),
      databasesFailed: inState('Failed'),
      databasesCanceled: inState('Canceled'),
      tablesCompleted: sum(({ completedTables }) => completedTables),
      tablesFailed: sum(({ erroredTables }) => erroredTables),
      rowsCopied: sum(({ rowsCopied }) => rowsCopied),
      bytesCopied: sum(({ bytesCopied }) => bytesCopied),
    },
  };
}

/** No orchestration works on a database any more: what is still open ends here. */
async function settleDatabases(
  env: ActivityEnvironment,
  failure: string | undefined,
  failureKind: ErrorCode | undefined,
): Promise<DatabaseRecord[]> {
  const { ref, spec } = env.record;
  const now = new Date().toISOString();
  const rows = await env.stores.databases.list(ref.id);
  // Nothing was begun on the databases of a migration that only validated, or failed in it.
  const { subState } = env.record.status;
  if (spec.option === 'Validate' || subState === 'ValidationInProgress') return rows;
  return await Promise.all(
    rows.map(async (row) => {
      if (isDatabaseEnded(row.state)) return row;
      await releaseReplication(env.stores, ref, row.database);
      const isCanceled = isCancelWanted(env.record, row.database) || row.state === 'Canceling';
      const message = isCanceled ? '' : (failure ?? 'The migration ended before this database.');
      return await env.stores.databases.update(ref.id, row.database, (current) =>
        transitionDatabase(ref, current, isCanceled ? 'Canceled' : 'Failed', now, {
          message,
          ...(isCanceled ? {} : { errorCode: failureKind ?? 'other' }),
        }),
      );
    }),
  );
}

function finalState(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  failure: string | undefined,
): MigrationState {
  if (record.validation?.status === 'Failed' && record.status.subState === 'ValidationInProgress') {
    return {
      state: 'ValidationFailed',
      subState: 'Completed',
      error: 'The validation failed; validationDetails has what failed and the remedies.',
    };
  }
  if (failure !== undefined) return { state: 'Failed', subState: 'Completed', error: failure };
  const failed = databases.filter(({ state }) => state === 'Failed');
  if (failed.length > 0) {
    const error = failed.map((row) => withName(row)).join('\n');
    return { state: 'Failed', subState: 'Completed', error };
  }
  const isCanceled = databases.some(({ state }) => state === 'Canceled') || isCancelWanted(record);
  const isAllDone = databases.length > 0 && databases.every(({ state }) => state === 'Succeeded');
  if (isCanceled && !isAllDone) return { state: 'Canceled', subState: 'Completed' };
  return { state: 'Succeeded', subState: 'Completed' };
}

function withName({ database, message }: DatabaseRecord): string {
  return message.startsWith(`${database}:`) ? message : `${database}: ${message}`;
}
