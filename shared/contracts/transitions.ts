import { MigrationError } from '../errors/migrationError.ts';
import { databaseEvent, migrationEvent } from './events.ts';
import type { DatabaseRecord, EventRecord, MigrationRecord, MigrationRef } from './records.ts';
import { isDatabaseEnded, isEnded } from './status.ts';
import type { DatabaseState, MigrationState } from './status.ts';

/** The changed record and what to tell about it; fits the store's `update`. */
export interface Transition<T> {
  record: T;
  events: EventRecord[];
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
  return { record: next, events: migrationEvents(next, from, now) };
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
    ...change,
    state: to,
  };
  const types = [
    'DatabaseStateChanged',
    ...(to === 'WaitingForCutoverTrigger' ? ['CutoverReady'] : []),
  ];
  const message = next.message.slice(0, TEXT_LIMIT);
  const data = { state: to, previousState: from, message };
  return { record: next, events: types.map((type) => databaseEvent(type, ref, next, now, data)) };
}

/** An event is small, however many tables a message names. */
const TEXT_LIMIT = 2_000;

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
): EventRecord[] {
  const to = record.status;
  const data = {
    state: to.state,
    subState: to.subState,
    previousState: from.state,
    previousSubState: from.subState,
    ...('error' in to ? { error: to.error.slice(0, TEXT_LIMIT) } : {}),
  };
  const types = ['MigrationStateChanged'];
  if (from.subState === 'ValidationInProgress' && to.state !== 'Canceled') {
    types.push('ValidationCompleted');
  }
  if (to.subState === 'WaitingForCutoverTrigger') types.push('CutoverReady');
  if (to.state === 'Succeeded') types.push('MigrationSucceeded');
  if (to.state === 'Failed' || to.state === 'ValidationFailed') types.push('MigrationFailed');
  if (to.state === 'Canceled') types.push('MigrationCanceled');
  return types.map((type) => migrationEvent(type, record.ref, now, data));
}
