import { MigrationError } from '../errors/migrationError.ts';
import { databaseEvent, EVENT_TEXT_LIMIT, migrationEvent } from './events.ts';
import type { ErrorCode, MigrationCounters } from './eventTypes.ts';
import type { DatabaseRecord, EventRecord, MigrationRecord, MigrationRef } from './records.ts';
import { isDatabaseEnded, isEnded } from './status.ts';
import type { DatabaseState, MigrationState } from './status.ts';

/** The changed record and what to tell about it; fits the store's `update`. */
export interface Transition<T> {
  record: T;
  events: EventRecord[];
}

/** What the events of an end tell besides the states. */
export interface EndDetails {
  errorCode?: ErrorCode;
  counters?: MigrationCounters;
}

/**
 * Moves a migration to another state and stamps the times. The state it already has is no change
 * and no event, so that a step may run twice.
 *
 * @param now ISO 8601.
 * @throws MigrationError invalidInput when the state machine has no such edge.
 */
export function transitionMigration(
  record: MigrationRecord,
  to: MigrationState,
  now: string,
  details: EndDetails = {},
): Transition<MigrationRecord> {
  const from = record.status;
  if (isSameState(from, to)) return { record, events: [] };
  if (!isLegal(from, to)) {
    throw new MigrationError(
      'invalidInput',
      `Migration '${record.ref.name}' cannot go from ${nameOf(from)} to ${nameOf(to)}.`,
    );
  }
  const next: MigrationRecord = {
    ...record,
    status: to,
    lastModifiedOn: now,
    endedOn: isEnded(to) ? now : undefined,
  };
  return { record: next, events: migrationEvents(next, from, now, details) };
}

/**
 * Moves a database to another state; `change` goes into the record with it.
 *
 * @throws MigrationError invalidInput when the state machine has no such edge.
 */
export function transitionDatabase(
  ref: MigrationRef,
  record: DatabaseRecord,
  to: DatabaseState,
  now: string,
  change: Partial<Omit<DatabaseRecord, 'state' | 'database' | 'migrationId'>> = {},
): Transition<DatabaseRecord> {
  const from = record.state;
  if (from === to) return { record: { ...record, ...change }, events: [] };
  if (!DATABASE_EDGES[from].includes(to)) {
    throw new MigrationError(
      'invalidInput',
      `Database '${record.database}' cannot go from ${from} to ${to}.`,
    );
  }
  const next: DatabaseRecord = {
    ...record,
    endedOn: isDatabaseEnded(to) ? now : undefined,
    errorCode: undefined,
    ...change,
    state: to,
  };
  return { record: next, events: databaseEvents(ref, next, from, now) };
}

/** Gates and steps before anything is copied, in any order: a wake-up may lead back to the start. */
const BEFORE_COPY: ReadonlySet<string> = new Set([
  'PerformingPreRequisiteSteps',
  'ValidationInProgress',
  'WaitingForLogicalReplicationSetupRequestOnSourceDB',
  'WaitingForDBsToMigrateSpecification',
  'WaitingForTargetDBOverwriteConfirmation',
  'WaitingForDataMigrationScheduling',
  'WaitingForDataMigrationWindow',
]);

const AFTER: Readonly<Record<string, readonly string[]>> = {
  MigratingData: [
    'WaitingForCutoverTrigger',
    'CompletingMigration',
    'CancelingRequestedDBMigrations',
  ],
  WaitingForCutoverTrigger: [
    'MigratingData',
    'CompletingMigration',
    'CancelingRequestedDBMigrations',
  ],
  // Databases that are canceled alone leave the others to go on.
  CancelingRequestedDBMigrations: [
    'MigratingData',
    'WaitingForCutoverTrigger',
    'CompletingMigration',
  ],
  CompletingMigration: ['WaitingForCutoverTrigger', 'CancelingRequestedDBMigrations'],
};

const DATABASE_EDGES: Readonly<Record<DatabaseState, readonly DatabaseState[]>> = {
  InProgress: ['WaitingForCutoverTrigger', 'Canceling', 'Succeeded', 'Failed', 'Canceled'],
  WaitingForCutoverTrigger: ['InProgress', 'Canceling', 'Succeeded', 'Failed', 'Canceled'],
  Canceling: ['Canceled', 'Failed', 'Succeeded'],
  // Only a resume leads out of these.
  Failed: ['InProgress'],
  Canceled: ['InProgress'],
  Succeeded: [],
};

function isLegal(from: MigrationState, to: MigrationState): boolean {
  if (isEnded(from)) {
    // Only a resume leads out of an end, and to the beginning.
    return from.state !== 'Succeeded' && to.subState === 'PerformingPreRequisiteSteps';
  }
  if (isEnded(to)) {
    return to.state === 'ValidationFailed' ? BEFORE_COPY.has(from.subState) : true;
  }
  if (BEFORE_COPY.has(from.subState)) return true;
  return AFTER[from.subState]?.includes(to.subState) ?? false;
}

function isSameState(a: MigrationState, b: MigrationState): boolean {
  return a.state === b.state && a.subState === b.subState;
}

function nameOf(state: MigrationState): string {
  return `${state.state}/${state.subState}`;
}

function migrationEvents(
  record: MigrationRecord,
  from: MigrationState,
  now: string,
  details: EndDetails,
): EventRecord[] {
  const { ref, status: to, startedOn } = record;
  const change = {
    state: to.state,
    subState: to.subState,
    previousState: from.state,
    previousSubState: from.subState,
  };
  const { counters } = details;
  const counted = counters === undefined ? {} : { counters };
  const failure =
    'error' in to
      ? {
          error: to.error.slice(0, EVENT_TEXT_LIMIT),
          errorCode:
            to.state === 'ValidationFailed' ? 'validationFailed' : (details.errorCode ?? 'other'),
        }
      : undefined;
  const data = { ...change, ...failure, ...counted };
  const changed = migrationEvent('MigrationStateChanged', ref, now, data);
  if (to.subState === 'WaitingForCutoverTrigger') {
    const { state, previousState } = change;
    return [changed, migrationEvent('CutoverReady', ref, now, { state, previousState })];
  }
  if (!isEnded(to)) return [changed];
  const durationSeconds = Math.max(0, (Date.parse(now) - Date.parse(startedOn)) / 1000);
  const end = { ...change, startedOn, endedOn: now, durationSeconds, ...counted };
  if (failure !== undefined) {
    return [changed, migrationEvent('MigrationFailed', ref, now, { ...end, ...failure })];
  }
  const type = to.state === 'Canceled' ? 'MigrationCanceled' : 'MigrationSucceeded';
  return [changed, migrationEvent(type, ref, now, end)];
}

function databaseEvents(
  ref: MigrationRef,
  row: DatabaseRecord,
  previousState: DatabaseState,
  now: string,
): EventRecord[] {
  const { state, targetDatabase, operation, errorCode, atGateSince } = row;
  const changed = databaseEvent('DatabaseStateChanged', ref, row, now, {
    targetDatabaseName: targetDatabase,
    state,
    previousState,
    operation,
    message: row.message.slice(0, EVENT_TEXT_LIMIT),
    ...(errorCode === undefined ? {} : { errorCode }),
    counters: {
      tables: row.tablesTotal,
      tablesCompleted: row.completedTables,
      tablesFailed: row.erroredTables,
      rowsCopied: row.rowsCopied,
      bytesCopied: row.bytesCopied,
      bytesTotal: row.bytesTotal,
    },
  });
  if (state !== 'WaitingForCutoverTrigger') return [changed];
  const waitingSince = atGateSince === undefined ? {} : { waitingSince: atGateSince };
  const ready = { state, previousState, ...waitingSince };
  return [changed, databaseEvent('CutoverReady', ref, row, now, ready)];
}
