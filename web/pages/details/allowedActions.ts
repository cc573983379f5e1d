import type { DatabaseStatus } from '../../../shared/api/resource.ts';
import type { MigrationView } from './migrationView.ts';

export type Action =
  | 'setUpReplication'
  | 'nameDatabases'
  | 'confirmOverwrite'
  | 'startData'
  | 'cutover'
  | 'resume'
  | 'cancel'
  | 'remove';

const GATES: Readonly<Record<string, Action>> = {
  WaitingForLogicalReplicationSetupRequestOnSourceDB: 'setUpReplication',
  WaitingForDBsToMigrateSpecification: 'nameDatabases',
  WaitingForTargetDBOverwriteConfirmation: 'confirmOverwrite',
  WaitingForDataMigrationScheduling: 'startData',
  WaitingForDataMigrationWindow: 'startData',
};

/** What the state allows, the most wanted first; the service would refuse everything else. */
export function allowedActions(view: MigrationView): Action[] {
  if (view.isEnded) return view.state === 'Succeeded' ? ['remove'] : ['resume', 'remove'];
  const gate = isSetUpAsked(view) ? undefined : GATES[view.subState];
  return [
    ...(gate === undefined ? [] : [gate]),
    ...(readyForCutover(view).length === 0 ? [] : (['cutover'] as const)),
    ...(isCancelAsked(view) ? [] : (['cancel'] as const)),
  ];
}

/** The one that a notice at the top of the page asks for; it has the button then. */
export function wantedAction(view: MigrationView): Action | undefined {
  const isWaiting = view.state === 'WaitingForUserAction';
  const isFailed = view.state === 'Failed' || view.state === 'ValidationFailed';
  if (!isWaiting && !isFailed) return undefined;
  return allowedActions(view).find((action) => action !== 'cancel');
}

/** Databases that wait for their cutover and for which none is under way. */
export function readyForCutover(view: MigrationView): DatabaseStatus[] {
  if (!view.isOnline || view.isEnded) return [];
  const { triggerCutover, dbsToTriggerCutoverOn = [] } = view.properties;
  const isAsked = (name: string) =>
    triggerCutover === 'True' &&
    (dbsToTriggerCutoverOn.length === 0 || dbsToTriggerCutoverOn.includes(name));
  return view.databases.filter(
    ({ migrationState, databaseName, cutover }) =>
      migrationState === 'WaitingForCutoverTrigger' &&
      // One that failed went back to replicating and may be asked for again.
      (cutover?.failure !== undefined || !isAsked(databaseName)),
  );
}

/** Databases that a cancel can still stop. */
export function cancelable({ databases }: MigrationView): DatabaseStatus[] {
  const ended = ['Succeeded', 'Failed', 'Canceled', 'Canceling'];
  return databases.filter(({ migrationState }) => !ended.includes(migrationState));
}

/** pgmove has changed the settings; what is missing is a restart of the source. */
export function isSetUpAsked({ subState, properties }: MigrationView): boolean {
  return (
    subState === 'WaitingForLogicalReplicationSetupRequestOnSourceDB' &&
    properties.setupLogicalReplicationOnSourceDbIfNeeded === 'True'
  );
}

function isCancelAsked({ properties, subState }: MigrationView): boolean {
  const { cancel, dbsToCancelMigrationOn = [] } = properties;
  if (cancel === 'True' && dbsToCancelMigrationOn.length === 0) return true;
  return subState === 'CancelingRequestedDBMigrations' && cancel === 'True';
}
