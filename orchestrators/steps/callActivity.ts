import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  ActivityInput,
  ActivityName,
  ActivityOutput,
  ActivityResult,
} from '../../shared/contracts/activities.ts';
import { delayOfAttempt, retryDelayMs } from '../../shared/contracts/copyWork.ts';
import { isTransient } from '../../shared/errors/classify.ts';
import { secondsFromNow } from './taskGroups.ts';

/** Runs an activity once. Never throws: what the host throws holds a stack trace for nobody. */
export function* callOnce<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: ActivityInput<Name>,
): Generator<Task, ActivityResult<ActivityOutput<Name>>, unknown> {
  try {
    const result = yield context.df.callActivity(name, input);
    return result as ActivityResult<ActivityOutput<Name>>;
  } catch {
    const message = `The step ${name} ended without a result. The host's log has the cause.`;
    return { ok: false, error: { kind: 'internal', message } };
  }
}

/** Runs an activity, again when its failure is one that time may cure. Never throws. */
export function* callActivity<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: ActivityInput<Name>,
): Generator<Task, ActivityResult<ActivityOutput<Name>>, unknown> {
  for (let attempt = 0; ; attempt += 1) {
    const delayMs = delayOfAttempt(attempt);
    const result = yield* callOnce(context, name, delayMs === 0 ? input : { ...input, delayMs });
    if (result.ok || retryDelayMs(result.error.kind, attempt) === undefined) return result;
  }
}

/** Waits between rounds of attempts, in seconds; the last one comes again. */
const ROUND_WAITS_SECONDS = [1, 5, 15, 30, 60];

/** So often a failure is tried again that time is not known to cure: about ten minutes. */
const MOST_ROUNDS = 12;

/**
 * As callActivity, and round after round: for a step on which others wait, so that giving up would hold
 * them up for good. Storage that is away may stay away for as long as it likes.
 */
export function* callUntilDone<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: ActivityInput<Name>,
): Generator<Task, ActivityResult<ActivityOutput<Name>>, unknown> {
  for (let round = 0; ; round += 1) {
    const result = yield* callActivity(context, name, input);
    if (result.ok || result.error.kind === 'canceled') return result;
    if (!isTransient(result.error.kind) && round >= MOST_ROUNDS) return result;
    const seconds = ROUND_WAITS_SECONDS[Math.min(round, ROUND_WAITS_SECONDS.length - 1)] ?? 0;
    yield context.df.createTimer(secondsFromNow(context, seconds));
  }
}
