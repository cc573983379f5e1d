import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type { ValidationGroup } from '../shared/contracts/activities.ts';
import { validateDatabases } from './steps/validateDatabases.ts';

/**
 * Validates some of a migration's databases, in an instance of its own: each database adds to the history,
 * and the whole of it is replayed for each.
 */
function* validationGroup(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  return yield* validateDatabases(context, context.df.getInput<ValidationGroup>());
}

df.app.orchestration('validationGroup', validationGroup);
