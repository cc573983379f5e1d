import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  ActivityInput,
  ActivityName,
  ActivityOutput,
  ActivityResult,
} from '../../shared/contracts/activities.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';

/** Waits before the attempts after the first, in milliseconds; the activity itself sleeps them. */
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 30_000];

/** Kinds that a later attempt can cure without anybody acting. */
const TRANSIENT: ReadonlySet<MigrationErrorKind> = new Set(['connectionFailed', 'lockTimeout']);

/** The wait before the next attempt, or undefined when there is none. */
export function retryDelayMs(kind: MigrationErrorKind, attempt: number): number | undefined {
  return TRANSIENT.has(kind) ? RETRY_DELAYS_MS[attempt] : undefined;
}

export function startActivity<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: ActivityInput<Name>,
): Task {
  return context.df.callActivity(name, input);
}

/**
 * Reads an ended task. An activity returns its failures; what is thrown comes from the host (its
 * text holds a stack trace and is not for people).
 */
export function resultOf<Name extends ActivityName>(
  name: Name,
  task: Task,
): ActivityResult<ActivityOutput<Name>> {
  if (task.isFaulted) return hostFailure(name);
  return task.result as ActivityResult<ActivityOutput<Name>>;
}

function hostFailure(name: string): { ok: false; error: { kind: 'internal'; message: string } } {
  const message = `The step ${name} ended without a result. The host's log has the cause.`;
  return { ok: false, error: { kind: 'internal', message } };
}

/** Runs one activity, again when its failure is transient. Never throws. */
export function* callActivity<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: ActivityInput<Name>,
): Generator<Task, ActivityResult<ActivityOutput<Name>>, unknown> {
  for (let attempt = 0; ; attempt += 1) {
    const delayMs = attempt === 0 ? undefined : RETRY_DELAYS_MS[attempt - 1];
    let result: ActivityResult<ActivityOutput<Name>>;
    try {
      result = (yield startActivity(context, name, {
        ...input,
        ...(delayMs === undefined ? {} : { delayMs }),
      })) as ActivityResult<ActivityOutput<Name>>;
    } catch {
      return hostFailure(name);
    }
    if (result.ok || retryDelayMs(result.error.kind, attempt) === undefined) return result;
  }
}
