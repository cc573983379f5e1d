import type { MigrationView } from './migrationView.ts';

export type StepState = 'done' | 'current' | 'waiting' | 'failed' | 'canceled' | 'todo';

export interface Step {
  id: 'prerequisites' | 'validation' | 'copy' | 'cutover' | 'completion';
  title: string;
  state: StepState;
  startedOn?: string;
  endedOn?: string;
}

const TITLES: Readonly<Record<Step['id'], string>> = {
  prerequisites: 'Prerequisites',
  validation: 'Validation',
  copy: 'Copy',
  cutover: 'Cutover',
  completion: 'Completion',
};

const STEP_OF_SUB_STATE: Readonly<Record<string, Step['id']>> = {
  PerformingPreRequisiteSteps: 'prerequisites',
  WaitingForLogicalReplicationSetupRequestOnSourceDB: 'prerequisites',
  WaitingForDBsToMigrateSpecification: 'prerequisites',
  WaitingForTargetDBOverwriteConfirmation: 'prerequisites',
  WaitingForDataMigrationScheduling: 'prerequisites',
  WaitingForDataMigrationWindow: 'prerequisites',
  ValidationInProgress: 'validation',
  MigratingData: 'copy',
  WaitingForCutoverTrigger: 'cutover',
  CompletingMigration: 'completion',
};

/** The steps of a migration of this kind, and how far it is. */
export function timelineOf(view: MigrationView): Step[] {
  const ids = stepsOf(view);
  const at = currentStep(view, ids);
  return ids.map((id, index) => ({
    id,
    title: id === 'copy' && view.isOnline ? 'Copy and replication' : TITLES[id],
    state: stateOf(view, index, at),
    ...timesOf(view, id),
  }));
}

function stepsOf({ option, isOnline }: MigrationView): Step['id'][] {
  return [
    'prerequisites',
    ...(option === 'Migrate' ? [] : (['validation'] as const)),
    ...(option === 'Validate' ? [] : (['copy'] as const)),
    ...(option === 'Validate' || !isOnline ? [] : (['cutover'] as const)),
    ...(option === 'Validate' ? [] : (['completion'] as const)),
  ];
}

/** Index of the step that is under way, or in which it ended; the length when all are done. */
function currentStep(view: MigrationView, ids: readonly Step['id'][]): number {
  if (view.state === 'Succeeded') return ids.length;
  const id = view.isEnded ? lastStep(view) : (STEP_OF_SUB_STATE[view.subState] ?? lastStep(view));
  return Math.max(0, ids.indexOf(id));
}

/** The state of an ended migration does not say where it ended: what is there tells. */
function lastStep({ state, databases, properties }: MigrationView): Step['id'] {
  const { validationDetails } = properties.currentStatus.currentSubStateDetails;
  if (state === 'ValidationFailed') return 'validation';
  if (databases.some(({ cutover }) => cutover !== undefined)) return 'cutover';
  if (databases.length > 0) return 'copy';
  return validationDetails === undefined ? 'prerequisites' : 'validation';
}

function stateOf(view: MigrationView, index: number, at: number): StepState {
  if (index !== at) return index < at ? 'done' : 'todo';
  switch (view.state) {
    case 'Failed':
    case 'ValidationFailed':
      return 'failed';
    case 'Canceled':
      return 'canceled';
    case 'WaitingForUserAction':
      return 'waiting';
    default:
      return 'current';
  }
}

function timesOf(view: MigrationView, id: Step['id']): Pick<Step, 'startedOn' | 'endedOn'> {
  const { startedOn, endedOn, currentStatus } = view.properties;
  const validation = currentStatus.currentSubStateDetails.validationDetails;
  switch (id) {
    case 'prerequisites':
      return { startedOn, endedOn: validation?.validationStartTimeInUtc ?? firstStart(view) };
    case 'validation':
      return {
        startedOn: validation?.validationStartTimeInUtc,
        endedOn: validation?.validationEndTimeInUtc,
      };
    case 'copy':
      return { startedOn: firstStart(view) };
    case 'cutover':
      return { startedOn: firstCutover(view) };
    case 'completion':
      return view.state === 'Succeeded' ? { endedOn } : {};
  }
}

function firstStart({ databases }: MigrationView): string | undefined {
  return earliest(databases.map(({ startedOn }) => startedOn));
}

function firstCutover({ databases }: MigrationView): string | undefined {
  return earliest(databases.map(({ cutover }) => cutover?.requestedOn));
}

function earliest(times: readonly (string | undefined)[]): string | undefined {
  return times.filter((time) => time !== undefined).sort()[0];
}
