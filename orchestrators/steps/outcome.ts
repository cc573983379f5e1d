import type { Task } from 'durable-functions';
import type { ActivityResult } from '../../shared/contracts/activities.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';

/** What became of a database. */
export type Outcome =
  | { end: 'Succeeded' }
  | { end: 'Canceled' }
  // `keep`: what a resume can go on with (snapshot, slot) is kept for a while.
  | { end: 'Failed'; message: string; keep?: boolean; kind?: MigrationErrorKind };

export type Flow<Result> = Generator<Task, Result, unknown>;

/** Thrown inside a flow to leave it with an outcome. */
export class Leave extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome) {
    super('left');
    this.outcome = outcome;
  }
}

/** Runs a flow to its outcome, by whichever way it leaves. */
export function* outcomeOf<End extends Outcome | undefined>(flow: Flow<End>): Flow<End | Outcome> {
  try {
    return yield* flow;
  } catch (error) {
    if (error instanceof Leave) return error.outcome;
    throw error;
  }
}

/** The value of a step, or the end of the flow. */
export function valueOf<Value>(result: ActivityResult<Value>): Value {
  if (result.ok) return result.value;
  const { kind, message } = result.error;
  throw new Leave(kind === 'canceled' ? { end: 'Canceled' } : { end: 'Failed', message, kind });
}
