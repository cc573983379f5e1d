import type { OrchestrationContext, Task } from 'durable-functions';
import type { DatabaseOrchestration, StreamWait } from '../../shared/contracts/activities.ts';
import type { ActivityInput } from '../../shared/contracts/activities.ts';
import { callActivity } from './callActivity.ts';
import { runCopyLanes } from './copyLanes.ts';
import { Leave, valueOf } from './outcome.ts';
import type { Flow, Outcome } from './outcome.ts';
import { eventOrTime, secondsFromNow } from './taskGroups.ts';

/** The stream tells by an event when it has come further; its row is looked at this often. */
const STREAM_POLL_SECONDS = 5;

/** At the gate the row is looked at this often, so that a lost event only costs time. */
const GATE_POLL_SECONDS = 30;

/** The whole history is replayed in every episode: at the gate a database starts anew after this. */
const GATE_LOOKS_PER_HISTORY = 40;

/** The event that ends a wait: something changed in the database's row of Replications, or is wanted. */
interface WakeUp {
  event: Task;
}

/** Until the event comes, or the time is up. */
function* sleep(context: OrchestrationContext, wakeUp: WakeUp, seconds: number): Flow<void> {
  const until = secondsFromNow(context, seconds);
  const cause = yield* eventOrTime(context, wakeUp.event, until);
  if (cause === 'event') wakeUp.event = context.df.waitForExternalEvent('replication');
}

/**
 * One database, online: slot and stream, the tables under snapshots of their own while their changes
 * are held, then kept up to date until the cutover. Undefined: it goes on in a new history.
 */
export function* onlineFlow(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
): Flow<Outcome | undefined> {
  // One task for all waits of the flow: an event goes to the oldest one that waits, and one that is
  // left behind would take it from whoever waits now.
  const wakeUp: WakeUp = { event: context.df.waitForExternalEvent('replication') };
  if (input.atGate !== undefined) {
    return yield* gateAndCutover(context, input, input.atGate, wakeUp);
  }
  const { ref, database, jobs } = input;
  const target = valueOf(yield* callActivity(context, 'prepareTarget', { ref, database }));
  if (target.resumeAt === 'done') return { end: 'Succeeded' };
  const { generation } = target;
  valueOf(yield* callActivity(context, 'prepareSource', { ref, database }));
  const { instanceId } = context.df;
  const scope = { ref, database, generation };
  valueOf(yield* callActivity(context, 'requestStream', { ...scope, instanceId }));
  yield* awaitStream(context, { ...scope, stage: 'streaming' }, wakeUp);
  yield* copyTables(context, input, generation);
  yield* awaitStream(context, { ...scope, stage: 'consistent' }, wakeUp);
  valueOf(yield* callActivity(context, 'prepareCutover', { ref, database, jobs }));
  return yield* gateAndCutover(context, input, generation, wakeUp);
}

/** Each table has a snapshot of its own: what fails, or is lost, concerns that table alone. */
function* copyTables(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
): Flow<void> {
  const { ref, database, jobs } = input;
  const owner = context.df.instanceId;
  const scope = { ref, database, generation, snapshot: '' };
  valueOf(yield* callActivity(context, 'copySchema', scope));
  const planned = yield* callActivity(context, 'planCopy', { ...scope, jobs, owner });
  const { laneCount } = valueOf(planned);
  const ended = yield* runCopyLanes(context, { ...scope, owner, laneCount });
  switch (ended.end) {
    case 'copied':
      return;
    case 'canceled':
      throw new Leave({ end: 'Canceled' });
    case 'snapshotLost':
    case 'failed':
      throw new Leave({ end: 'Failed', message: ended.message, keep: true });
  }
}

/** Waits until the stream has come that far: by event, and by looking now and then. */
function* awaitStream(
  context: OrchestrationContext,
  wanted: ActivityInput<'waitStream'>,
  wakeUp: WakeUp,
): Flow<void> {
  for (;;) {
    const result = yield* callActivity(context, 'waitStream', wanted);
    const wait: StreamWait = valueOf(result);
    if (wait.next === 'reached') return;
    if (wait.next === 'failed') {
      throw new Leave({ end: 'Failed', message: wait.message, keep: true });
    }
    yield* sleep(context, wakeUp, STREAM_POLL_SECONDS);
  }
}

/** Replicates until the cutover is asked for, and back to that when it fails. */
function* gateAndCutover(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
  wakeUp: WakeUp,
): Flow<Outcome | undefined> {
  const { ref, database } = input;
  const scope = { ref, database, generation };
  for (let looks = 0; looks < GATE_LOOKS_PER_HISTORY; looks += 1) {
    const gate = valueOf(yield* callActivity(context, 'passCutoverGate', scope));
    if (gate.next === 'failed') return { end: 'Failed', message: gate.message, keep: true };
    if (gate.next === 'cutover') {
      const failure = yield* cutOver(context, input, generation, wakeUp);
      if (failure === undefined) return { end: 'Succeeded' };
      const abandoned = { ...scope, reason: failure };
      valueOf(yield* callActivity(context, 'abandonCutover', abandoned));
      continue;
    }
    yield* sleep(context, wakeUp, GATE_POLL_SECONDS);
  }
  context.df.continueAsNew({ ...input, atGate: generation });
  return undefined;
}

/** @returns why it failed, if it did. A cancel leaves the flow. */
function* cutOver(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
  wakeUp: WakeUp,
): Flow<string | undefined> {
  try {
    yield* cutOverSteps(context, input, generation, wakeUp);
    return undefined;
  } catch (error) {
    if (error instanceof Leave && error.outcome.end === 'Failed') return error.outcome.message;
    throw error;
  }
}

function* cutOverSteps(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  generation: number,
  wakeUp: WakeUp,
): Flow<void> {
  const { ref, database, jobs } = input;
  const scope = { ref, database, generation };
  valueOf(yield* callActivity(context, 'beginCutover', scope));
  yield* awaitStream(context, { ...scope, stage: 'drained' }, wakeUp);
  valueOf(yield* callActivity(context, 'copyUnstreamed', scope));
  if (input.verify) {
    const verifyScope = { ...scope, snapshot: '', jobs };
    const verified = yield* callActivity(context, 'verifyDatabase', verifyScope);
    const { differenceCount } = valueOf(verified);
    if (differenceCount > 0) {
      const message = `${database}: ${differenceCount} tables differ after the stream was drained.`;
      throw new Leave({ end: 'Failed', message });
    }
  }
  valueOf(yield* callActivity(context, 'restorePostData', { ref, database, jobs }));
  valueOf(yield* callActivity(context, 'finishTarget', { ref, database, jobs }));
  valueOf(yield* callActivity(context, 'stopStream', scope));
  valueOf(yield* callActivity(context, 'restoreSource', { ref, database, keepFence: true }));
}
