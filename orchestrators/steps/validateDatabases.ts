import type { OrchestrationContext } from 'durable-functions';
import type { ValidationGroup, ValidationGroupEnd } from '../../shared/contracts/activities.ts';
import { callActivity } from './callActivity.ts';
import type { Flow } from './outcome.ts';
import { allOf } from './taskGroups.ts';

/** Validates databases, as many at once as the migration has jobs. */
export function* validateDatabases(
  context: OrchestrationContext,
  input: ValidationGroup,
): Flow<ValidationGroupEnd> {
  const { ref, databases, jobs } = input;
  for (let first = 0; first < databases.length; first += jobs) {
    const group = databases.slice(first, first + jobs);
    // What one of them came to is in the row; a task that failed leaves its database unvalidated.
    yield* allOf(
      context,
      group.map((database) => context.df.callActivity('validateDatabase', { ref, database })),
    );
    if (input.estimate) {
      yield* allOf(
        context,
        group.map((database) => context.df.callActivity('estimateDatabase', { ref, database })),
      );
    }
    if (!input.dryRun) continue;
    for (const database of group) {
      const tried = yield* callActivity(context, 'dryRunSchema', { ref, database });
      // Servers that cannot be used are told of already.
      const isTold = input.haveServersFailed || (!tried.ok && tried.error.kind === 'canceled');
      if (!tried.ok && !isTold) return { failure: tried.error };
    }
  }
  return {};
}
