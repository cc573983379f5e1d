import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  DatabaseOrchestration,
  MigrationOrchestration,
} from '../shared/contracts/activities.ts';
import { callActivity } from './steps/callActivity.ts';
import { eventOrTime, firstOf, secondsFromNow } from './steps/taskGroups.ts';

/** At a gate the row is looked at this often, so that a lost event only costs time. */
const GATE_POLL_SECONDS = 30;

type Flow<Result> = Generator<Task, Result, unknown>;

type Gate = { next: 'end'; failure?: string } | { next: 'go'; plan: Plan };

interface Plan {
  databases: string[];
  jobs: number;
  validate: boolean;
  migrate: boolean;
  verify: boolean;
}

/** One migration, from its gates to its end. */
function* migrationOrchestrator(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const { ref } = context.df.getInput<MigrationOrchestration>();
  const failure = yield* flow(context, ref);
  const ended = yield* callActivity(context, 'completeMigration', {
    ref,
    ...(failure === undefined ? {} : { failure }),
  });
  return ended.ok ? ended.value.state : 'Failed';
}

/** Returns what failed outside of the databases, if anything did. */
function* flow(
  context: OrchestrationContext,
  ref: MigrationOrchestration['ref'],
): Flow<string | undefined> {
  const gate = yield* passGates(context, ref);
  if (gate.next === 'end') return gate.failure;
  if (gate.plan.validate) {
    const goOn = yield* validate(context, ref, gate.plan);
    if (goOn !== 'go') return goOn.failure;
  }
  if (!gate.plan.migrate) return undefined;
  yield* migrateDatabases(context, ref, gate.plan);
  return undefined;
}

function* passGates(context: OrchestrationContext, ref: MigrationOrchestration['ref']): Flow<Gate> {
  let wake = context.df.waitForExternalEvent('wake');
  for (;;) {
    const result = yield* callActivity(context, 'passGates', { ref });
    if (!result.ok) {
      if (result.error.kind === 'canceled') return { next: 'end' };
      return { next: 'end', failure: result.error.message };
    }
    const gate = result.value;
    if (gate.next === 'canceled') return { next: 'end' };
    if (gate.next === 'failed') return { next: 'end', failure: gate.message };
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
): Flow<'go' | { failure?: string }> {
  const servers = yield* callActivity(context, 'validateServers', { ref });
  if (!servers.ok)
    return servers.error.kind === 'canceled' ? {} : { failure: servers.error.message };
  const tasks: Task[] = [];
  for (const database of plan.databases) {
    while (tasks.length >= plan.jobs) yield* dropEnded(context, tasks);
    tasks.push(context.df.callActivity('validateDatabase', { ref, database }));
  }
  while (tasks.length > 0) yield* dropEnded(context, tasks);
  const finished = yield* callActivity(context, 'finishValidation', { ref, goOn: plan.migrate });
  if (!finished.ok) {
    return finished.error.kind === 'canceled' ? {} : { failure: finished.error.message };
  }
  return finished.value.failed ? {} : 'go';
}

/** Waits for one of the tasks and takes it off the list. */
function* dropEnded(context: OrchestrationContext, tasks: Task[]): Flow<void> {
  const ended = yield* firstOf(context, tasks);
  tasks.splice(tasks.indexOf(ended), 1);
}

/**
 * At most `jobs` databases at once, each with its share of the jobs; a PATCH in between is noted by
 * an activity, and the databases' own activities see it in the row.
 */
function* migrateDatabases(
  context: OrchestrationContext,
  ref: MigrationOrchestration['ref'],
  plan: Plan,
): Flow<void> {
  const atOnce = Math.max(1, Math.min(plan.jobs, plan.databases.length));
  const share = Math.max(1, Math.floor(plan.jobs / atOnce));
  const spare = Math.max(0, plan.jobs - share * atOnce);
  let wake = context.df.waitForExternalEvent('wake');
  const running: Task[] = [];
  let index = 0;
  while (index < plan.databases.length || running.length > 0) {
    while (running.length < atOnce && index < plan.databases.length) {
      const database = plan.databases[index] as string;
      const input: DatabaseOrchestration = {
        ref,
        database,
        verify: plan.verify,
        jobs: share + (index < spare ? 1 : 0),
      };
      const instanceId = `${context.df.instanceId}:${index}`;
      running.push(context.df.callSubOrchestrator('migrateDatabase', input, instanceId));
      index += 1;
    }
    const ended = yield* firstOf(context, [...running, wake]);
    if (ended === wake) {
      wake = context.df.waitForExternalEvent('wake');
      yield* callActivity(context, 'noteCancel', { ref });
      continue;
    }
    running.splice(running.indexOf(ended), 1);
  }
}

df.app.orchestration('migrationOrchestrator', migrationOrchestrator);
