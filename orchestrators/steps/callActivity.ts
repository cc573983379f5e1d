import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  ActivityInput,
  ActivityName,
  ActivityOutput,
  ActivityResult,
} from '../../shared/contracts/activities.ts';
import { delayOfAttempt, retryDelayMs } from '../../shared/contracts/copyWork.ts';

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
