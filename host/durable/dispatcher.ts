/** Sets going what an episode scheduled: activities, timers, sub-orchestrations. */
import type { FunctionTable } from '../functionTable.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { StartRequest } from './engine.ts';
import type { ScheduledTask } from './episode.ts';
import { EventType, newEvent } from './history.ts';
import type { HistoryEvent } from './history.ts';
import type { LiveInstance, Message } from './instance.ts';
import { Limiter } from './limiter.ts';
import { hasEnded } from './store.ts';
import type { HubStore, InstanceRecord } from './store.ts';

export interface DispatcherOptions {
  functions: FunctionTable;
  invoker: Invoker;
  store: HubStore;
  maxConcurrentActivities: number;
  live(instanceId: string): LiveInstance | undefined;
  tell(instance: LiveInstance, message: Message): void;
  start(request: StartRequest): Promise<void>;
  run(work: Promise<unknown>): void;
}

/** The longest delay that a timer of Node takes is 24.8 days. */
const LONGEST_DELAY_MS = 24 * 3600 * 1000;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #activities: Limiter;
  #isStopping = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#activities = new Limiter(options.maxConcurrentActivities);
  }

  stop(): void {
    this.#isStopping = true;
  }

  dispatch(instance: LiveInstance, scheduled: readonly ScheduledTask[]): void {
    for (const { task, event } of scheduled) {
      if (task.failAtOnce) this.#failAtOnce(instance, event, task.failAtOnce);
      else this.#begin(instance, event);
    }
  }

  /** Begins everything again that was open when the last host ended. */
  resume(instance: LiveInstance): void {
    const ended = new Set(
      instance.messages.map((message) =>
        message.kind === 'event' ? (message.event.TaskScheduledId ?? message.event.TimerId) : -1,
      ),
    );
    for (const [id, event] of instance.open) if (!ended.has(id)) this.#begin(instance, event);
  }

  cancelTimer(instance: LiveInstance, id: number): void {
    clearTimeout(instance.timers.get(id));
    instance.timers.delete(id);
  }

  /** Tells a waiting instance how its sub-orchestration ended. */
  tellParent(parent: LiveInstance, child: InstanceRecord): void {
    const task = child.parent;
    if (!task || parent.record.executionId !== task.executionId) return;
    if (parent.generation !== task.generation || !parent.open.has(task.taskId)) return;
    const now = new Date();
    const event =
      child.status === 'Completed'
        ? newEvent('SubOrchestrationInstanceCompleted', now, {
            TaskScheduledId: task.taskId,
            Result: child.output ?? 'null',
          })
        : newEvent('SubOrchestrationInstanceFailed', now, {
            TaskScheduledId: task.taskId,
            Reason: failureReason(child),
            Details: JSON.stringify({ instanceId: child.instanceId, status: child.status }),
          });
    this.#options.tell(parent, { kind: 'event', event });
  }

  #begin(instance: LiveInstance, event: HistoryEvent): void {
    switch (event.EventType) {
      case EventType.TaskScheduled:
        this.#options.run(this.#runActivity(instance, event, instance.generation));
        return;
      case EventType.TimerCreated:
        this.#armTimer(instance, event);
        return;
      case EventType.SubOrchestrationInstanceCreated:
        this.#options.run(this.#startChild(instance, event));
        return;
      default:
    }
  }

  async #runActivity(
    instance: LiveInstance,
    scheduled: HistoryEvent,
    generation: number,
  ): Promise<void> {
    await this.#activities.run(async () => {
      const isWanted = (): boolean => !instance.isEnded && instance.generation === generation;
      if (this.#isStopping || !isWanted()) return;
      const event = await this.#callActivity(scheduled, instance.record.instanceId);
      if (isWanted()) this.#options.tell(instance, { kind: 'event', event });
    });
  }

  async #callActivity(scheduled: HistoryEvent, instanceId: string): Promise<HistoryEvent> {
    const name = scheduled.Name ?? '';
    const fields = { TaskScheduledId: scheduled.EventId };
    const fn = this.#options.functions.activity(name);
    try {
      if (!fn) throw new Error(this.#options.functions.unknown('activity', name));
      const input = scheduled.Input ?? undefined;
      const { result } = await this.#options.invoker.invoke(fn, {
        trigger: input === undefined ? undefined : { json: input },
        triggerMetadata: { instanceId: { string: instanceId } },
      });
      const text = JSON.stringify(result) ?? 'null';
      return newEvent('TaskCompleted', new Date(), { ...fields, Result: text });
    } catch (error) {
      return newEvent('TaskFailed', new Date(), {
        ...fields,
        Reason: `Activity function '${name}' failed:  ${errorText(error)}`,
        Details: JSON.stringify({ Message: errorText(error) }),
      });
    }
  }

  #armTimer(instance: LiveInstance, created: HistoryEvent): void {
    const id = created.EventId;
    const dueAt = created.FireAt?.getTime() ?? 0;
    const wait = dueAt - Date.now();
    const elapsed = (): void => {
      instance.timers.delete(id);
      // A timer of Node may be early by a part of a millisecond, and long ones come in steps.
      if (dueAt > Date.now()) {
        this.#armTimer(instance, created);
        return;
      }
      const fields = { TimerId: id, FireAt: created.FireAt ?? new Date(dueAt) };
      const event = newEvent('TimerFired', new Date(), fields);
      this.#options.tell(instance, { kind: 'event', event });
    };
    if (this.#isStopping) return;
    instance.timers.set(id, setTimeout(elapsed, Math.min(Math.max(wait, 0), LONGEST_DELAY_MS)));
  }

  async #startChild(instance: LiveInstance, created: HistoryEvent): Promise<void> {
    const childId = created.InstanceId ?? '';
    const parent = {
      instanceId: instance.id,
      executionId: instance.record.executionId,
      generation: instance.generation,
      taskId: created.EventId,
    };
    const known =
      this.#options.live(childId)?.record ?? (await this.#options.store.readInstance(childId));
    const isOurs =
      known?.parent?.executionId === parent.executionId &&
      known.parent.generation === parent.generation &&
      known.parent.taskId === parent.taskId;
    if (known && isOurs) {
      if (hasEnded(known.status)) this.tellParent(instance, known);
      return;
    }
    if (this.#isStopping) return;
    try {
      await this.#options.start({
        name: created.Name ?? '',
        instanceId: childId,
        input: created.Input ?? null,
        version: created.Version ?? undefined,
        parent,
      });
    } catch (error) {
      const event = newEvent('SubOrchestrationInstanceFailed', new Date(), {
        TaskScheduledId: created.EventId,
        Reason: errorText(error),
        Details: JSON.stringify({ instanceId: childId }),
      });
      this.#options.tell(instance, { kind: 'event', event });
    }
  }

  #failAtOnce(instance: LiveInstance, scheduled: HistoryEvent, failure: HistoryEvent): void {
    const type =
      failure.EventType === EventType.TaskFailed ? 'TaskFailed' : 'SubOrchestrationInstanceFailed';
    const event = newEvent(type, new Date(), {
      TaskScheduledId: scheduled.EventId,
      Reason: failure.Reason ?? '',
      Details: failure.Details ?? '',
    });
    this.#options.tell(instance, { kind: 'event', event });
  }
}

function failureReason(child: InstanceRecord): string {
  if (child.status === 'Terminated') {
    return `Sub-orchestration '${child.name}' was terminated: ${child.output ?? ''}`;
  }
  const output: unknown = child.output === null ? '' : JSON.parse(child.output);
  return typeof output === 'string' ? output : JSON.stringify(output);
}
