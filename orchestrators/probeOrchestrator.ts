import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type { ProbeInput } from '../shared/contracts/probe.ts';

/** Looks at servers for somebody who waits for the answer: once, whatever it comes to. */
function* probeOrchestrator(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  return yield context.df.callActivity('probeServers', context.df.getInput<ProbeInput>());
}

df.app.orchestration('probeOrchestrator', probeOrchestrator);
