/** What a colour and an icon say; the words say it too. */
export type Tone = 'busy' | 'wait' | 'good' | 'bad' | 'warn' | 'idle';

export interface StateLabel {
  text: string;
  tone: Tone;
}

const MIGRATION_STATES: Readonly<Record<string, StateLabel>> = {
  InProgress: { text: 'In progress', tone: 'busy' },
  WaitingForUserAction: { text: 'Waiting for you', tone: 'wait' },
  Canceled: { text: 'Canceled', tone: 'idle' },
  Failed: { text: 'Failed', tone: 'bad' },
  Succeeded: { text: 'Succeeded', tone: 'good' },
  ValidationFailed: { text: 'Validation failed', tone: 'bad' },
  CleaningUp: { text: 'Cleaning up', tone: 'busy' },
};

const SUB_STATES: Readonly<Record<string, string>> = {
  PerformingPreRequisiteSteps: 'Checking prerequisites',
  WaitingForLogicalReplicationSetupRequestOnSourceDB: 'Waiting for replication set-up',
  WaitingForDBsToMigrateSpecification: 'Waiting for databases',
  WaitingForTargetDBOverwriteConfirmation: 'Waiting for overwrite confirmation',
  WaitingForDataMigrationScheduling: 'Waiting for the start',
  WaitingForDataMigrationWindow: 'Waiting for the window',
  MigratingData: 'Migrating data',
  WaitingForCutoverTrigger: 'Waiting for cutover',
  CompletingMigration: 'Completing',
  Completed: 'Completed',
  CancelingRequestedDBMigrations: 'Canceling',
  ValidationInProgress: 'Validating',
};

const DATABASE_STATES: Readonly<Record<string, StateLabel>> = {
  InProgress: { text: 'In progress', tone: 'busy' },
  WaitingForCutoverTrigger: { text: 'Waiting for cutover', tone: 'wait' },
  Canceling: { text: 'Canceling', tone: 'busy' },
  Succeeded: { text: 'Succeeded', tone: 'good' },
  Failed: { text: 'Failed', tone: 'bad' },
  Canceled: { text: 'Canceled', tone: 'idle' },
};

const TABLE_STATES: Readonly<Record<string, StateLabel>> = {
  queued: { text: 'Queued', tone: 'idle' },
  copying: { text: 'Copying', tone: 'busy' },
  indexing: { text: 'Building indexes', tone: 'busy' },
  completed: { text: 'Copied', tone: 'good' },
  failed: { text: 'Failed', tone: 'bad' },
};

const VALIDATION_STATES: Readonly<Record<string, StateLabel>> = {
  Failed: { text: 'Failed', tone: 'bad' },
  Warning: { text: 'Warning', tone: 'warn' },
  Succeeded: { text: 'Passed', tone: 'good' },
};

const MIGRATION_TYPES: Readonly<Record<string, string>> = {
  Validate: 'Validate',
  Migrate: 'Migrate',
  ValidateAndMigrate: 'Validate and migrate',
};

/** A state that this page does not know yet is shown as the API names it. */
function unknown(text: string): StateLabel {
  return { text, tone: 'idle' };
}

export function migrationStateLabel(state: string): StateLabel {
  return MIGRATION_STATES[state] ?? unknown(state);
}

export function subStateText(subState: string): string {
  return SUB_STATES[subState] ?? subState;
}

/** One short text for the grid: the step where there is one, else the state. */
export function migrationStatusLabel(state: string, subState: string): StateLabel {
  const label = migrationStateLabel(state);
  return subState === 'Completed' || state === 'CleaningUp'
    ? label
    : { text: subStateText(subState), tone: label.tone };
}

export function databaseStateLabel(state: string): StateLabel {
  return DATABASE_STATES[state] ?? unknown(state);
}

export function tableStateLabel(state: string): StateLabel {
  return TABLE_STATES[state] ?? unknown(state);
}

export function validationStateLabel(state: string): StateLabel {
  return VALIDATION_STATES[state] ?? unknown(state);
}

export function migrationTypeText(option: string): string {
  return MIGRATION_TYPES[option] ?? option;
}

/** `AWS_RDS` reads as `AWS RDS`. */
export function sourceTypeText(sourceType: string): string {
  if (sourceType === 'OnPremises') return 'On premises';
  if (sourceType === 'AzureVM') return 'Azure VM';
  return sourceType.replaceAll('_', ' ').replace(/^PostgreSQL(?=[A-Z])/, 'PostgreSQL ');
}
