/** One episode: messages in, the orchestrator's decisions out, all committed as one row. */
import type { FunctionTable } from '../functionTable.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { Logger } from '../log.ts';
import { EventType, eventsToJson, eventTypeName, newEvent } from './history.ts';
import type { HistoryEvent } from './history.ts';
import type { InstanceState, LiveInstance } from './instance.ts';
import { runOrchestrator } from './orchestrator.ts';
import type { OrchestratorAnswer } from './orchestrator.ts';
import { replayActions } from './replay.ts';
import type { NumberedTask, ReplayOutcome } from './replay.ts';
import { hasEnded } from './store.ts';
import type { HubStore, RuntimeStatus } from './store.ts';

export interface EpisodeContext {
  store: HubStore;
  functions: FunctionTable;
  invoker: Invoker;
  logger: Logger;
  strictTasks: boolean;
}

export interface ScheduledTask {
  readonly task: NumberedTask;
  readonly event: HistoryEvent;
}

export interface EpisodeOutcome {
  readonly scheduled: readonly ScheduledTask[];
  readonly canceledTimers: readonly number[];
  /** Messages that need not stay in the inbox. */
  readonly taken: readonly number[];
  /** Rows of the generation that a continue-as-new replaced. */
  readonly replacedEpisodes: number;
  readonly isRecordChanged: boolean;
}

/** What an orchestrator decided, in terms of history and state. */
interface Decision {
  status: RuntimeStatus;
  output: string | null;
  customStatus: string | undefined;
  events: HistoryEvent[];
  scheduled: ScheduledTask[];
  canceledTimers: number[];
  continued?: { input: string; carried: HistoryEvent[] };
}

export async function commitEpisode(
  context: EpisodeContext,
  instance: LiveInstance,
): Promise<EpisodeOutcome | undefined> {
  const now = instance.nextTimestamp();
  const before = instance.record.status;
  const customBefore = instance.record.customStatus;
  const batch = instance.takeMessages(now);
  const events: HistoryEvent[] = [];
  if (batch.runs || batch.terminated !== undefined) {
    events.push(newEvent('OrchestratorStarted', now));
    if (instance.history.length === 0) events.push(executionStarted(instance, now));
  }
  events.push(...batch.events);
  let decision: Decision | undefined;
  if (batch.terminated !== undefined) {
    decision = terminated(batch.terminated, now);
  } else if (batch.runs) {
    decision = await decide(context, instance, [...instance.history, ...events], now);
  } else if (events.length === 0) {
    instance.markTaken(batch.sequences);
    return undefined;
  }
  events.push(...(decision?.events ?? []));
  const after = recordAfter(instance, decision, now);
  const state = { ...after, ...instance.markTaken(batch.sequences) };
  const replacedEpisodes = await writeEpisode(context.store, instance, events, state, decision);
  // Nobody may see a state that a crash could still take back.
  const { updatedAt, ...changes } = after;
  Object.assign(instance.record, changes, { updatedAt: new Date(updatedAt) });
  return {
    scheduled: decision?.continued ? [] : (decision?.scheduled ?? []),
    canceledTimers: decision?.canceledTimers ?? [],
    taken: batch.sequences,
    replacedEpisodes,
    isRecordChanged:
      before !== instance.record.status || customBefore !== instance.record.customStatus,
  };
}

async function writeEpisode(
  store: HubStore,
  instance: LiveInstance,
  events: readonly HistoryEvent[],
  state: InstanceState,
  decision: Decision | undefined,
): Promise<number> {
  const { executionId } = instance.record;
  if (decision?.continued) {
    const { input, carried } = decision.continued;
    const replaced = instance.episodeCount;
    // The new generation's first row makes the old one void: both change in one write.
    await store.appendEpisode(executionId, {
      generation: instance.generation + 1,
      number: 0,
      events: '[]',
      state: JSON.stringify({
        ...state,
        continued: { input, carried: eventsToJson(carried) },
      } satisfies InstanceState),
    });
    instance.continueAsNew(input, carried);
    instance.episodeCount = 1;
    return replaced;
  }
  await store.appendEpisode(executionId, {
    generation: instance.generation,
    number: instance.episodeCount,
    events: eventsToJson(events),
    state: JSON.stringify(state),
  });
  instance.episodeCount += 1;
  instance.addHistory(events);
  return 0;
}

type RecordChange = Omit<InstanceState, 'takenUpTo' | 'takenAbove' | 'continued'>;

function recordAfter(
  instance: LiveInstance,
  decision: Decision | undefined,
  now: Date,
): RecordChange {
  const { record } = instance;
  const after: RecordChange = {
    status: decision?.status ?? record.status,
    output: decision ? decision.output : record.output,
    customStatus: decision?.customStatus ?? record.customStatus,
    updatedAt: now.toISOString(),
  };
  if (hasEnded(after.status)) return after;
  if (instance.suspendedBecause !== undefined) {
    return {
      ...after,
      status: 'Suspended',
      output: JSON.stringify(instance.suspendedBecause),
    };
  }
  return after.status === 'Suspended' ? { ...after, status: 'Running', output: null } : after;
}

function executionStarted(instance: LiveInstance, now: Date): HistoryEvent {
  const { name, input, version, parent } = instance.record;
  return newEvent('ExecutionStarted', now, {
    Name: name,
    Version: version,
    Input: input,
    InstanceId: instance.id,
    ...(parent ? { ParentInstance: { InstanceId: parent.instanceId } } : {}),
  });
}

function terminated(reason: string, now: Date): Decision {
  return ended('Terminated', JSON.stringify(reason), now, [
    newEvent('ExecutionTerminated', now, { Input: JSON.stringify(reason) }),
  ]);
}

function ended(
  status: 'Completed' | 'Failed' | 'Terminated',
  output: string,
  now: Date,
  events: HistoryEvent[],
): Decision {
  return {
    status,
    output,
    customStatus: undefined,
    events: [
      ...events,
      newEvent('OrchestratorCompleted', now),
      newEvent('ExecutionCompleted', now, { OrchestrationStatus: status, Result: output }),
    ],
    scheduled: [],
    canceledTimers: [],
  };
}

async function decide(
  context: EpisodeContext,
  instance: LiveInstance,
  history: readonly HistoryEvent[],
  now: Date,
): Promise<Decision> {
  const { name, input, parent } = instance.record;
  const fn = context.functions.orchestrator(name);
  if (!fn) {
    const message = context.functions.unknown('orchestrator', name);
    return ended('Failed', JSON.stringify(message), now, []);
  }
  try {
    const answer = await runOrchestrator(context.invoker, fn, {
      instanceId: instance.id,
      parentInstanceId: parent?.instanceId,
      input,
      history,
    });
    const decision = interpret(context, instance, answer, history, now);
    return { ...decision, customStatus: answer.customStatus };
  } catch (error) {
    const message = `Orchestrator function '${name}' failed: ${errorText(error)}`;
    return ended('Failed', JSON.stringify(message), now, []);
  }
}

function interpret(
  context: EpisodeContext,
  instance: LiveInstance,
  answer: OrchestratorAnswer,
  history: readonly HistoryEvent[],
  now: Date,
): Decision {
  if (answer.kind === 'failed') return ended('Failed', JSON.stringify(answer.message), now, []);
  const outcome = replayActions(answer.actions, history);
  checkRepeatedTasks(context, instance, outcome);
  for (const task of outcome.tasks) {
    const known = instance.scheduled.get(task.id);
    if (known) checkSameTask(known, task);
  }
  if (answer.kind === 'completed') {
    // An orchestrator that continues as new says that it is done, too.
    if (!outcome.continueAsNew) return ended('Completed', answer.output, now, []);
    return {
      status: 'Running',
      output: null,
      customStatus: undefined,
      events: [],
      scheduled: [],
      canceledTimers: [],
      continued: {
        input: inputJson(outcome.continueAsNew.input, 'encoded') ?? 'null',
        carried: [...outcome.unclaimedEvents],
      },
    };
  }
  const scheduled: ScheduledTask[] = [];
  for (const task of outcome.tasks) {
    if (instance.scheduled.has(task.id)) continue;
    scheduled.push({ task, event: scheduleEvent(context, instance, task, now) });
  }
  return {
    status: 'Running',
    output: null,
    customStatus: undefined,
    events: [...scheduled.map(({ event }) => event), newEvent('OrchestratorCompleted', now)],
    scheduled,
    canceledTimers: [...outcome.canceledTimers],
  };
}

function scheduleEvent(
  context: EpisodeContext,
  instance: LiveInstance,
  task: NumberedTask,
  now: Date,
): HistoryEvent {
  const name = task.action.functionName ?? '';
  switch (task.kind) {
    case 'activity': {
      if (!context.functions.activity(name))
        throw new Error(context.functions.unknown('activity', name));
      const input = inputJson(task.action.input, 'encoded');
      return newEvent('TaskScheduled', now, { EventId: task.id, Name: name, Input: input });
    }
    case 'subOrchestration': {
      if (!context.functions.orchestrator(name)) {
        throw new Error(context.functions.unknown('orchestrator', name));
      }
      const { executionId } = instance.record;
      const generated = `${executionId}:${instance.generation.toString(16)}:${task.id.toString(16).padStart(4, '0')}`;
      return newEvent('SubOrchestrationInstanceCreated', now, {
        EventId: task.id,
        Name: name,
        Input: inputJson(task.action.input, 'plain'),
        InstanceId: task.action.instanceId ? task.action.instanceId : generated,
        ...(task.action.version === undefined ? {} : { Version: task.action.version }),
      });
    }
    case 'timer':
      return newEvent('TimerCreated', now, { EventId: task.id, FireAt: task.fireAt ?? now });
  }
}

/** The library has encoded the strings among the inputs of activities and continue-as-new. */
function inputJson(input: unknown, strings: 'encoded' | 'plain'): string | null {
  if (input === undefined) return null;
  if (typeof input === 'string' && strings === 'encoded') return input;
  return JSON.stringify(input) ?? null;
}

function checkSameTask(known: HistoryEvent, task: NumberedTask): void {
  const expected = {
    activity: EventType.TaskScheduled,
    subOrchestration: EventType.SubOrchestrationInstanceCreated,
    timer: EventType.TimerCreated,
  }[task.kind];
  const name = task.kind === 'timer' ? undefined : task.action.functionName;
  if (known.EventType === expected && known.Name === name) return;
  throw new Error(
    `Non-Deterministic workflow detected: the task with sequence ID ${task.id} is ${task.kind} '${name ?? ''}' now, but was scheduled as ${eventTypeName(known.EventType)} '${known.Name ?? ''}'.`,
  );
}

const REPEATED_TASK =
  'names a task again, in a later Task.any or Task.all, that is still running. The Azure host ' +
  'starts such a task a second time (azure-functions-durable-js issue 574).';
const warned = new Set<string>();

function checkRepeatedTasks(
  context: EpisodeContext,
  instance: LiveInstance,
  outcome: ReplayOutcome,
): void {
  if (outcome.repeatedTasks.length === 0) return;
  const text = `The orchestrator ${REPEATED_TASK} (${outcome.repeatedTasks.join(', ')})`;
  if (context.strictTasks) throw new Error(text);
  if (warned.has(instance.record.name)) return;
  warned.add(instance.record.name);
  context.logger.write('warning', instance.record.name, text);
}
