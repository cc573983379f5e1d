import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type { CopyLaneOrchestration, HelpOrchestration } from '../shared/contracts/activities.ts';
import { callActivity } from './steps/callActivity.ts';
import { secondsFromNow } from './steps/taskGroups.ts';
import { callChild } from './steps/version.ts';

/** The whole history is replayed in every episode, so a helper starts anew after this many questions. */
const QUESTIONS_PER_HISTORY = 20;

/** Waits before asking again, in seconds; short ones first, because the migration ends with its helpers. */
const WAITS_SECONDS = [0.5, 0.5, 1, 2, 5];

/**
 * A job whose databases are done helps with those that are not, one copy after the other, until no copy
 * has anything to give. Nobody depends on it: where it fails, the others take longer.
 */
function* helpCopies(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const { ref, owner, ...input } = context.df.getInput<HelpOrchestration>();
  let { sequence } = input;
  let waits = 0;
  for (let questions = 0; questions < QUESTIONS_PER_HISTORY; questions += 1) {
    const found = yield* callActivity(context, 'claimHelp', { ref, owner });
    if (!found.ok || found.value.next === 'end') return null;
    if (found.value.next === 'wait') {
      const seconds = WAITS_SECONDS[Math.min(waits, WAITS_SECONDS.length - 1)] ?? 0;
      waits += 1;
      yield context.df.createTimer(secondsFromNow(context, seconds));
      continue;
    }
    waits = 0;
    sequence += 1;
    const lane = `${context.df.instanceId}:${sequence}`;
    const child: CopyLaneOrchestration = {
      ref,
      ...found.value.copy,
      lane,
      sequence: 0,
      helps: true,
    };
    try {
      yield callChild(context, 'copyLane', child, lane);
    } catch {
      return null;
    }
  }
  context.df.continueAsNew({ ref, owner, sequence });
  return undefined;
}

df.app.orchestration('helpCopies', helpCopies);
