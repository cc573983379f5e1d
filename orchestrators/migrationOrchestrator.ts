import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  DatabaseLaneOrchestration,
  MigrationOrchestration,
  ValidationGroup,
  ValidationGroupEnd,
} from '../shared/contracts/activities.ts';
import type { MigrationErrorKind } from '../shared/errors/migrationError.ts';
import { callActivity } from './steps/callActivity.ts';
import { allOf, eventOrTime, secondsFromNow } from './steps/taskGroups.ts';
import { validateDatabases } from './steps/validateDatabases.ts';
import { callChild } from './steps/version.ts';

/** At a gate the row is looked at this often, so that a lost event only costs time. */
const GATE_POLL_SECONDS = 10;

/** The whole history is replayed in every episode, so more databases than this are not validated in one. */
const DATABASES_PER_GROUP = 50;

type Flow<Result> = Generator<Task, Result, unknown>;

/** What failed outside of the databases. */
interface Failure {
  message: string;
  kind?: MigrationErrorKind;
}

type Gate = { next: 'end'; failure?: Failure } | { next: 'go'; plan: Plan };

interface Plan {
  databases: string[];
  jobs: number;
  validate: boolean;
  migrate: boolean;
  verify: boolean;
  online: boolean;
  roles: boolean;
  dryRun: boolean;
}

/** One migration, from its gates to its end. */
function* migrationOrchestrator(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const { ref } = context.df.getInput<MigrationOrchestration>();
  const failure = yield* flow(context, ref);
  const ended = yield* callActivity(context, 'completeMigration', {
    ref,
    ...(failure === undefined ? {} : { failure: failure.message }),
    ...(failure?.kind === undefined ? {} : { failureKind: failure.kind }),
  });
  return ended.ok ? ended.value.state : 'Failed';
}

/** Returns what failed outside of the databases, if anything did. */
function* flow(
  context: OrchestrationContext,
  ref: MigrationOrchestration['ref'],
): Flow<Failure | undefined> {
  const gate = yield* passGates(context, ref);
  if (gate.next === 'end') return gate.failure;
  if (gate.plan.validate) {
    const goOn = yield* validate(context, ref, gate.plan);
    if (goOn !== 'go') return goOn.failure;
  }
  if (!gate.plan.migrate) return undefined;
  if (gate.plan.roles) {
    const roles = yield* callActivity(context, 'migrateRoles', { ref });
    if (!roles.ok) return roles.error.kind === 'canceled' ? undefined : roles.error;
  }
  yield* migrateDatabases(context, ref, gate.plan);
  return undefined;
}

function* passGates(context: OrchestrationContext, ref: MigrationOrchestration['ref']): Flow<Gate> {
  let wake = context.df.waitForExternalEvent('wake');
  for (;;) {
    const result = yield* callActivity(context, 'passGates', { ref });
    if (!result.ok) {
      if (result.error.kind === 'canceled') return { next: 'end' };
      return { next: 'end', failure: result.error };
    }
    const gate = result.value;
    if (gate.next === 'canceled') return { next: 'end' };
    if (gate.next === 'failed') return { next: 'end', failure: { message: gate.message } };
    if (gate.next === 'go') return { next: 'go', plan: gate };
    const poll = secondsFromNow(context, GATE_POLL_SECONDS);
    const until = gate.until === undefined ? poll : new Date(gate.until);
    const cause = yield* eventOrTime(context, wake, until < poll ? until : poll);
    if (cause === 'event') wake = context.df.waitForExternalEvent('wake');
  }
}

function* validate(
  context: OrchestrationContext,
  ref: MigrationOrchestration['ref'],
  plan: Plan,
): Flow<'go' | { failure?: Failure }> {
  const begun = yield* callActivity(context, 'validateServers', { ref });
  if (!begun.ok) return begun.error.kind === 'canceled' ? {} : { failure: begun.error };
  const { failure } = yield* validateAll(context, {
    ref,
    databases: plan.databases,
    jobs: plan.jobs,
    estimate: !plan.migrate,
    dryRun: plan.dryRun,
    haveServersFailed: begun.value.failed,
  });
  if (failure !== undefined) return { failure };
  const finished = yield* callActivity(context, 'finishValidation', { ref, goOn: plan.migrate });
  if (!finished.ok) {
    return finished.error.kind === 'canceled' ? {} : { failure: finished.error };
  }
  return finished.value.failed ? {} : 'go';
}

/** Many databases go through histories of their own, one group after the other. */
function* validateAll(
  context: OrchestrationContext,
  input: ValidationGroup,
): Flow<ValidationGroupEnd> {
  const { databases } = input;
  if (databases.length <= DATABASES_PER_GROUP) return yield* validateDatabases(context, input);
  for (let first = 0; first < databases.length; first += DATABASES_PER_GROUP) {
    const group = { ...input, databases: databases.slice(first, first + DATABASES_PER_GROUP) };
    const id = `${context.df.instanceId}:validation-${first / DATABASES_PER_GROUP}`;
    try {
      const ended = (yield callChild(context, 'validationGroup', group, id)) as ValidationGroupEnd;
      if (ended.failure !== undefined) return ended;
    } catch {
      // Its databases are unvalidated, and finishValidation says so.
    }
  }
  return {};
}

/**
 * As many lanes as the jobs allow, each with its share of them, which help the others when no
 * database is left; a PATCH in between is seen by the activities in the row.
 */
function* migrateDatabases(
  context: OrchestrationContext,
  ref: MigrationOrchestration['ref'],
  plan: Plan,
): Flow<void> {
  const owner = context.df.instanceId;
  // Online, a database keeps its lane until its cutover: none may wait for another one's.
  const most = plan.online ? plan.databases.length : plan.jobs;
  const laneCount = Math.max(1, Math.min(most, plan.databases.length));
  const share = Math.max(1, Math.floor(plan.jobs / laneCount));
  const spare = Math.max(0, plan.jobs - share * laneCount);
  const mayHelp = !plan.online && laneCount > 1;
  const lanes = Array.from({ length: laneCount }, (_, lane) => {
    const jobs = share + (lane < spare ? 1 : 0);
    const child: DatabaseLaneOrchestration = {
      ref,
      owner,
      lane,
      jobs,
      verify: plan.verify,
      mayHelp,
    };
    return callChild(context, 'databaseLane', child, `${owner}:lane-${lane}`);
  });
  // A lane that failed leaves databases open; completeMigration ends them as failed.
  yield* allOf(context, lanes);
}

df.app.orchestration('migrationOrchestrator', migrationOrchestrator);
