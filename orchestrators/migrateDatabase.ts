import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  ActivityResult,
  CopyPlan,
  CopyWindowState,
  DatabaseOrchestration,
} from '../shared/contracts/activities.ts';
import { callActivity } from './steps/callActivity.ts';
import { runCopyWindow } from './steps/copyWindow.ts';
import { eventOrTime, secondsFromNow } from './steps/taskGroups.ts';

/** How often a database is copied anew by itself after its snapshot was lost; then it fails. */
const MOST_GENERATIONS_PER_RUN = 6;

/** The pause before a new snapshot is tried grows by this much: a server may be restarting. */
const AGAIN_AFTER_SECONDS = 4;

/** How long to wait for the replicator's event before looking at its row. */
const SNAPSHOT_POLL_SECONDS = 3;

/** A replicator that has not answered for this long is not there. */
const MOST_SNAPSHOT_POLLS = 60;

type Outcome =
  | { end: 'Succeeded' }
  | { end: 'Canceled' }
  | { end: 'Failed'; message: string; keepSnapshot?: boolean }
  | { end: 'continue'; copy: CopyWindowState };

type Flow<Result> = Generator<Task, Result, unknown>;

/** Thrown inside the flow to leave it with an outcome; never leaves this file. */
class Leave extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome) {
    super('left');
    this.outcome = outcome;
  }
}

/** One database, from its creation on the target to its last step. */
function* migrateDatabase(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const input = context.df.getInput<DatabaseOrchestration>();
  const outcome = yield* flowOutcome(context, input);
  if (outcome.end === 'continue') {
    context.df.continueAsNew({ ...input, copy: outcome.copy });
    return undefined;
  }
  const { ref, database } = input;
  const failed = outcome.end === 'Failed' ? outcome : undefined;
  const completed = yield* callActivity(context, 'completeDatabase', {
    ref,
    database,
    outcome: outcome.end,
    message: failed?.message ?? '',
    keepSnapshot: failed?.keepSnapshot ?? false,
  });
  return completed.ok ? outcome.end : 'Failed';
}

function* flowOutcome(context: OrchestrationContext, input: DatabaseOrchestration): Flow<Outcome> {
  try {
    return yield* flow(context, input);
  } catch (error) {
    if (error instanceof Leave) return error.outcome;
    throw error;
  }
}

/** The value of a step, or the end of the flow. */
function valueOf<Value>(result: ActivityResult<Value>): Value {
  if (result.ok) return result.value;
  const { kind, message } = result.error;
  throw new Leave(kind === 'canceled' ? { end: 'Canceled' } : { end: 'Failed', message });
}

function* flow(context: OrchestrationContext, input: DatabaseOrchestration): Flow<Outcome> {
  const { ref, database } = input;
  let copy = input.copy;
  let generation = copy?.generation ?? 0;
  let copiesLeft = MOST_GENERATIONS_PER_RUN;
  if (copy === undefined) {
    const target = valueOf(yield* callActivity(context, 'prepareTarget', { ref, database }));
    if (target.resumeAt === 'done') return { end: 'Succeeded' };
    if (target.resumeAt === 'afterCopy') return yield* afterCopy(context, input);
    generation = target.generation;
  }
  for (;;) {
    if (copy === undefined) {
      const begun = yield* beginCopy(context, input, generation);
      if (begun.next === 'again') {
        copiesLeft -= 1;
        if (copiesLeft === 0) return { end: 'Failed', message: begun.message };
        generation += 1;
        const pause = AGAIN_AFTER_SECONDS * (MOST_GENERATIONS_PER_RUN - copiesLeft);
        yield context.df.createTimer(secondsFromNow(context, pause));
        continue;
      }
      copy = begun.state;
    }
    const window = yield* runCopyWindow(context, input, copy);
    if (window.end === 'canceled') return { end: 'Canceled' };
    if (window.end === 'continue') return { end: 'continue', copy };
    if (window.end === 'drained') break;
    copiesLeft -= 1;
    if (copiesLeft === 0) return { end: 'Failed', message: window.message };
    copy = undefined;
    generation += 1;
  }
  return yield* endCopy(context, input, copy);
}

type Begun = { next: 'copy'; state: CopyWindowState } | { next: 'again'; message: string };

/** Snapshot, schema under it, plan. A snapshot that is lost in between is a reason to begin again. */
function* beginCopy(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
): Flow<Begun> {
  const { ref, database } = input;
  const awaited = yield* awaitSnapshot(context, input, generation);
  if ('lost' in awaited) return { next: 'again', message: awaited.lost };
  const { snapshot } = awaited;
  const scope = { ref, database, generation, snapshot };
  const schema = yield* callActivity(context, 'copySchema', scope);
  if (isSnapshotLost(schema)) return { next: 'again', message: schema.error.message };
  valueOf(schema);
  const planned = yield* callActivity(context, 'planCopy', { ...scope, jobs: input.jobs });
  if (isSnapshotLost(planned)) return { next: 'again', message: planned.error.message };
  return { next: 'copy', state: windowState(generation, snapshot, valueOf(planned)) };
}

function isSnapshotLost(
  result: ActivityResult<unknown>,
): result is Extract<ActivityResult<unknown>, { ok: false }> {
  return !result.ok && result.error.kind === 'snapshotLost';
}

function windowState(generation: number, snapshot: string, plan: CopyPlan): CopyWindowState {
  return {
    generation,
    snapshot,
    batchCount: plan.batchCount,
    nextBatch: 0,
    followUps: plan.hasLargeObjects ? [{ kind: 'largeObjects', attempt: 0 }] : [],
    partsDone: {},
    indexesOpen: {},
    broken: {},
    counters: {
      queuedTables: plan.tableCount,
      loadingTables: 0,
      completedTables: 0,
      erroredTables: 0,
      rowsCopied: 0,
      bytesCopied: 0,
    },
    failures: [],
  };
}

/** Asks the replicator for a snapshot and waits for it: by event, and by looking now and then. */
function* awaitSnapshot(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
): Flow<{ snapshot: string } | { lost: string }> {
  const { ref, database } = input;
  const { instanceId } = context.df;
  let event = context.df.waitForExternalEvent('replication');
  valueOf(
    yield* callActivity(context, 'requestSnapshot', { ref, database, generation, instanceId }),
  );
  for (let poll = 0; poll < MOST_SNAPSHOT_POLLS; poll += 1) {
    const observed = valueOf(yield* callActivity(context, 'readReplication', { ref, database }));
    if ('generation' in observed && observed.generation === generation) {
      if (observed.phase === 'snapshotHeld') return { snapshot: observed.snapshot };
      const reason = `${database}: ${observed.reason}`;
      if (observed.phase === 'snapshotLost' || observed.isTransient) return { lost: reason };
      throw new Leave({ end: 'Failed', message: reason });
    }
    const until = secondsFromNow(context, SNAPSHOT_POLL_SECONDS);
    const cause = yield* eventOrTime(context, event, until);
    if (cause === 'event') event = context.df.waitForExternalEvent('replication');
  }
  throw new Leave({
    end: 'Failed',
    message:
      `${database}: no replicator took the snapshot within ` +
      `${MOST_SNAPSHOT_POLLS * SNAPSHOT_POLL_SECONDS} seconds. Start the replicator, then resume.`,
  });
}

/** All units ended: compare while the snapshot is still there, then let go of it. */
function* endCopy(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  copy: CopyWindowState,
): Flow<Outcome> {
  const { ref, database, jobs } = input;
  const { generation, snapshot, counters, failures } = copy;
  valueOf(yield* callActivity(context, 'recordProgress', { ref, database, counters }));
  if (counters.erroredTables > 0 || failures.length > 0) {
    const message = failures.join(' ');
    return { end: 'Failed', message, keepSnapshot: true };
  }
  if (input.verify) {
    const verified = yield* callActivity(context, 'verifyDatabase', {
      ref,
      database,
      generation,
      snapshot,
      jobs,
    });
    const { differenceCount } = valueOf(verified);
    if (differenceCount > 0) {
      const message = `${database}: ${differenceCount} tables differ after the copy.`;
      return { end: 'Failed', message };
    }
  }
  const finished = valueOf(
    yield* callActivity(context, 'finishCopy', { ref, database, generation }),
  );
  if (finished.failedTables > 0) {
    const message = `${database}: ${finished.failedTables} tables are not complete.`;
    return { end: 'Failed', message, keepSnapshot: true };
  }
  return yield* afterCopy(context, input);
}

function* afterCopy(context: OrchestrationContext, input: DatabaseOrchestration): Flow<Outcome> {
  const { ref, database, jobs } = input;
  valueOf(yield* callActivity(context, 'restorePostData', { ref, database, jobs }));
  valueOf(yield* callActivity(context, 'finishTarget', { ref, database, jobs }));
  return { end: 'Succeeded' };
}

df.app.orchestration('migrateDatabase', migrateDatabase);
