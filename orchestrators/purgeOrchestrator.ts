import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type { MigrationOrchestration } from '../shared/contracts/activities.ts';
import { callActivity } from './steps/callActivity.ts';

/** Removes what an ended migration left: schema `pgmove`, archives, secrets, rows. */
function* purgeOrchestrator(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const { ref } = context.df.getInput<MigrationOrchestration>();
  return yield* callActivity(context, 'removeMigration', { ref });
}

df.app.orchestration('purgeOrchestrator', purgeOrchestrator);
