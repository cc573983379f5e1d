import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  DatabaseLaneOrchestration,
  DatabaseOrchestration,
  HelpOrchestration,
} from '../shared/contracts/activities.ts';
import { callUntilDone } from './steps/callActivity.ts';
import { allOf } from './steps/taskGroups.ts';
import { callChild, isSince } from './steps/version.ts';

/** The whole history is replayed in every episode, so a lane starts anew after this many. */
const DATABASES_PER_HISTORY = 50;

/** Takes one database after the other, the largest that no other lane has taken. */
function* databaseLane(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const input = context.df.getInput<DatabaseLaneOrchestration & { sequence?: number }>();
  const { ref, owner, lane, jobs, verify } = input;
  let sequence = input.sequence ?? 0;
  for (let taken = 0; taken < DATABASES_PER_HISTORY; taken += 1) {
    sequence += 1;
    const claimed = yield* callUntilDone(context, 'claimDatabase', {
      ref,
      owner,
      lane,
      sequence,
    });
    if (!claimed.ok) throw new Error(claimed.error.message);
    if (claimed.value.database === null) {
      if (input.mayHelp && isSince(context, '1.1')) yield* helpOthers(context, input);
      return null;
    }
    const child: DatabaseOrchestration = { ref, jobs, verify, ...claimed.value };
    try {
      const instanceId = `${owner}:${lane}:${sequence}`;
      yield callChild(context, 'migrateDatabase', child, instanceId);
    } catch {
      // The database's row is still open: completeMigration ends it as failed.
    }
  }
  context.df.continueAsNew({ ...input, sequence });
  return undefined;
}

/** All jobs of the lane. */
function* helpOthers(
  context: OrchestrationContext,
  { ref, owner, jobs }: DatabaseLaneOrchestration,
): Generator<Task, void, unknown> {
  const { instanceId } = context.df;
  const helpers = Array.from({ length: jobs }, (_, index) => {
    const child: HelpOrchestration = { ref, owner, sequence: 0 };
    return callChild(context, 'helpCopies', child, `${instanceId}:help-${index}`);
  });
  yield* allOf(context, helpers);
}

df.app.orchestration('databaseLane', databaseLane);
