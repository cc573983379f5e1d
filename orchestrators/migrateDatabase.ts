import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type { ActivityResult, DatabaseOrchestration } from '../shared/contracts/activities.ts';
import { callActivity, callOnce } from './steps/callActivity.ts';
import { runCopyLanes } from './steps/copyLanes.ts';
import { onlineFlow } from './steps/onlineFlow.ts';
import { Leave, outcomeOf, valueOf } from './steps/outcome.ts';
import type { Flow, Outcome } from './steps/outcome.ts';
import { eventOrTime, secondsFromNow } from './steps/taskGroups.ts';

/** How often a database is copied anew by itself after its snapshot was lost; then it fails. */
const MOST_GENERATIONS_PER_RUN = 6;

/** The pause before a new snapshot is tried grows by this much: a server may be restarting. */
const AGAIN_AFTER_SECONDS = 4;

/** How long to wait for the replicator's event before looking at its row. */
const SNAPSHOT_POLL_SECONDS = 3;

/** A replicator that has not answered for this long is not there. */
const MOST_SNAPSHOT_POLLS = 60;

/** One database, from its creation on the target to its last step. */
function* migrateDatabase(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const input = context.df.getInput<DatabaseOrchestration>();
  const outcome = yield* outcomeOf(
    input.online ? onlineFlow(context, input) : offlineFlow(context, input),
  );
  // A flow that starts anew ends here; its end comes with a later history.
  if (outcome === undefined) return undefined;
  const { ref, database } = input;
  const failed = outcome.end === 'Failed' ? outcome : undefined;
  if (input.online && outcome.end === 'Canceled') {
    yield* callActivity(context, 'restoreSource', { ref, database, keepFence: false });
  }
  const completed = yield* callActivity(context, 'completeDatabase', {
    ref,
    database,
    outcome: outcome.end,
    message: failed?.message ?? '',
    ...(failed?.kind === undefined ? {} : { kind: failed.kind }),
    // Online, a resume goes on with the slot, whatever it was that failed.
    keepSnapshot: failed !== undefined && (input.online || failed.keep === true),
  });
  return completed.ok ? outcome.end : 'Failed';
}

function* offlineFlow(context: OrchestrationContext, input: DatabaseOrchestration): Flow<Outcome> {
  const { ref, database } = input;
  // The snapshot takes the replicator a moment, in which the target is made ready.
  if (input.isFresh) yield* askForFirstSnapshot(context, input);
  const target = valueOf(yield* callActivity(context, 'prepareTarget', { ref, database }));
  if (target.resumeAt === 'done') return { end: 'Succeeded' };
  if (target.resumeAt === 'afterCopy') return yield* afterCopy(context, input);
  let { generation } = target;
  for (let copies = 1; ; copies += 1) {
    const copied = yield* copyGeneration(context, input, generation);
    if (copied.next === 'copied') {
      return yield* endCopy(context, input, generation, copied.snapshot);
    }
    if (copies === MOST_GENERATIONS_PER_RUN) return { end: 'Failed', message: copied.message };
    const pause = secondsFromNow(context, AGAIN_AFTER_SECONDS * copies);
    yield context.df.createTimer(pause);
    generation += 1;
  }
}

/** A failure here is no failure yet: the snapshot is asked for again when the target is ready. */
function* askForFirstSnapshot(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
): Flow<void> {
  const { ref, database } = input;
  const { instanceId } = context.df;
  yield* callOnce(context, 'requestSnapshot', { ref, database, generation: 1, instanceId });
}

type Copied = { next: 'copied'; snapshot: string } | { next: 'again'; message: string };

/** Snapshot, schema under it, plan, rows. A snapshot that is lost on the way voids all of it. */
function* copyGeneration(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
): Flow<Copied> {
  const { ref, database, jobs, openDatabases } = input;
  const owner = context.df.instanceId;
  const awaited = yield* awaitSnapshot(context, input, generation);
  if ('lost' in awaited) return { next: 'again', message: awaited.lost };
  const { snapshot } = awaited;
  const scope = { ref, database, generation, snapshot };
  const schema = yield* callActivity(context, 'copySchema', scope);
  if (isSnapshotLost(schema)) return { next: 'again', message: schema.error.message };
  valueOf(schema);
  const planned = yield* callActivity(context, 'planCopy', {
    ...scope,
    jobs,
    owner,
    ...(openDatabases === undefined ? {} : { openDatabases }),
  });
  if (isSnapshotLost(planned)) return { next: 'again', message: planned.error.message };
  const { laneCount } = valueOf(planned);
  const ended = yield* runCopyLanes(context, { ...scope, owner, laneCount });
  switch (ended.end) {
    case 'copied':
      return { next: 'copied', snapshot };
    case 'snapshotLost':
      return { next: 'again', message: ended.message };
    case 'canceled':
      throw new Leave({ end: 'Canceled' });
    case 'failed':
      throw new Leave({ end: 'Failed', message: ended.message, keep: true });
  }
}

function isSnapshotLost(
  result: ActivityResult<unknown>,
): result is Extract<ActivityResult<unknown>, { ok: false }> {
  return !result.ok && result.error.kind === 'snapshotLost';
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
    const scope = { ref, database, generation };
    const observed = valueOf(yield* callActivity(context, 'readReplication', scope));
    if ('generation' in observed && observed.generation === generation) {
      if (observed.phase === 'snapshotHeld') return { snapshot: observed.snapshot };
      if (observed.phase === 'snapshotLost') return { lost: `${database}: ${observed.reason}` };
      if (observed.phase === 'failed') {
        const reason = `${database}: ${observed.reason}`;
        if (observed.isTransient) return { lost: reason };
        throw new Leave({ end: 'Failed', message: reason });
      }
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

/** All rows are in: compare while the snapshot is still there, then let go of it. */
function* endCopy(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
  snapshot: string,
): Flow<Outcome> {
  const { ref, database, jobs } = input;
  if (input.verify) {
    const scope = { ref, database, generation, snapshot, jobs };
    const { differenceCount } = valueOf(yield* callActivity(context, 'verifyDatabase', scope));
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
    return { end: 'Failed', message, keep: true };
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
