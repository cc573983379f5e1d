/**
 * States of a migration and of its databases, in the words of the published service. Values here
 * are stored in the tables and answered by the API as they are.
 */

/** Substates in which the migration waits for the operator (state WaitingForUserAction). */
export type WaitingGate =
  | 'WaitingForLogicalReplicationSetupRequestOnSourceDB'
  | 'WaitingForDBsToMigrateSpecification'
  | 'WaitingForTargetDBOverwriteConfirmation'
  | 'WaitingForDataMigrationScheduling'
  | 'WaitingForDataMigrationWindow'
  | 'WaitingForCutoverTrigger';

/** Substates in which pgmove works (state InProgress). */
export type WorkingStep =
  | 'PerformingPreRequisiteSteps'
  | 'ValidationInProgress'
  | 'MigratingData'
  | 'CompletingMigration'
  | 'CancelingRequestedDBMigrations';

export type MigrationState =
  // Set by PUT and resume, and by the orchestrator at each step. `error` is empty.
  | { state: 'InProgress'; subState: WorkingStep }
  // Set by the orchestrator at a gate; left when the wanted state in the row releases it.
  | { state: 'WaitingForUserAction'; subState: WaitingGate }
  // Ended. Set by the orchestrator only.
  | { state: 'Succeeded'; subState: 'Completed' }
  | { state: 'Canceled'; subState: 'Completed' }
  | { state: 'Failed'; subState: 'Completed'; error: string }
  | { state: 'ValidationFailed'; subState: 'Completed'; error: string };

export type MigrationStateName = MigrationState['state'];

/** No orchestration runs for a migration in such a state. */
export function isEnded(state: MigrationState): boolean {
  return state.subState === 'Completed';
}

export type DatabaseState =
  // Not begun, or being worked on.
  | 'InProgress'
  | 'WaitingForCutoverTrigger'
  // Asked to cancel; the activities have not stopped yet.
  | 'Canceling'
  // Ended.
  | 'Succeeded'
  | 'Failed'
  | 'Canceled';

export function isDatabaseEnded(state: DatabaseState): boolean {
  return state === 'Succeeded' || state === 'Failed' || state === 'Canceled';
}

export type TableState =
  | 'queued'
  | 'copying'
  // Rows are in, indexes are not.
  | 'indexing'
  | 'completed'
  | 'failed';
