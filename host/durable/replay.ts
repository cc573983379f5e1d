/**
 * From the actions that an orchestrator returned to the tasks that are to be scheduled. The library
 * returns the whole list of actions since the start, without ids; ids are given by replaying the
 * history over that list in the order in which the library itself gave them
 * (durable-functions, orchestrations/TaskOrchestrationExecutor.js).
 */
import { EventType } from './history.ts';
import type { HistoryEvent } from './history.ts';

export const ActionType = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  CallEntity: 7,
  CallHttp: 8,
  SignalEntity: 9,
  ScheduledSignalEntity: 10,
  WhenAny: 11,
  WhenAll: 12,
  LockEntities: 13,
  ReleaseEntities: 14,
} as const;

export interface RetryOptions {
  firstRetryIntervalInMilliseconds: number;
  maxNumberOfAttempts: number;
  backoffCoefficient?: number;
  maxRetryIntervalInMilliseconds?: number;
  retryTimeoutInMilliseconds?: number;
}

export interface Action {
  readonly actionType: number;
  readonly functionName?: string;
  readonly input?: unknown;
  readonly retryOptions?: RetryOptions;
  readonly instanceId?: string;
  readonly version?: string;
  readonly fireAt?: Date | string;
  readonly isCanceled?: boolean;
  readonly externalEventName?: string;
  readonly compoundActions?: readonly Action[];
}

/** A task or timer with the id that the library knows it by. */
export interface NumberedTask {
  readonly id: number;
  readonly kind: 'activity' | 'subOrchestration' | 'timer';
  readonly action: Action;
  readonly fireAt?: Date;
  /** The retries of this call have run out of time: it fails without running. */
  readonly failAtOnce?: HistoryEvent;
}

export interface ReplayOutcome {
  readonly tasks: readonly NumberedTask[];
  readonly continueAsNew: Action | undefined;
  readonly canceledTimers: ReadonlySet<number>;
  /** Events that were raised and that nothing has waited for so far, in their order. */
  readonly unclaimedEvents: readonly HistoryEvent[];
  /** Names of tasks that a later Task.any or Task.all names again while they run. */
  readonly repeatedTasks: readonly string[];
}

export class UnsupportedActionError extends Error {}

interface Node {
  readonly kind: 'leaf' | 'event' | 'any' | 'all' | 'retry';
  readonly action: Action;
  readonly children: Node[];
  parent: Node | undefined;
  state: 'open' | 'done' | 'failed';
  id: number | undefined;
  retry?: RetryState;
}

interface RetryState {
  attempt: number;
  waitsForTimer: boolean;
  startedAt: number;
  timedOut: boolean;
  failure: HistoryEvent | undefined;
}

const UNSUPPORTED = new Map<number, string>([
  [ActionType.CallEntity, 'callEntity'],
  [ActionType.CallHttp, 'callHttp'],
  [ActionType.SignalEntity, 'signalEntity'],
  [ActionType.ScheduledSignalEntity, 'signalEntity'],
  [ActionType.LockEntities, 'lock (critical sections)'],
  [ActionType.ReleaseEntities, 'lock (critical sections)'],
]);

export function replayActions(
  actions: readonly Action[],
  history: readonly HistoryEvent[],
): ReplayOutcome {
  const replay = new Replay(actions);
  for (const event of history) replay.process(event);
  const { unclaimed, ...outcome } = replay.outcome();
  return { ...outcome, unclaimedEvents: history.filter((event) => unclaimed.has(event)) };
}

class Replay {
  readonly #actions: readonly Action[];
  #next = 0;
  #current: Node | undefined;
  #clock = 0;
  #sequence = 0;
  #continueAsNew: Action | undefined;
  readonly #tasks: NumberedTask[] = [];
  readonly #nodes = new Map<Action, Node>();
  readonly #open = new Map<number, Node>();
  readonly #waiting = new Map<string, Node[]>();
  readonly #deferred = new Map<number | string, [HistoryEvent, boolean][]>();
  readonly #repeated = new Set<string>();

  constructor(actions: readonly Action[]) {
    this.#actions = actions;
  }

  process(event: HistoryEvent): void {
    switch (event.EventType) {
      case EventType.OrchestratorStarted:
        this.#clock = Math.max(this.#clock, event.Timestamp.getTime());
        return;
      case EventType.ExecutionStarted:
        break;
      case EventType.TaskCompleted:
      case EventType.SubOrchestrationInstanceCompleted:
        this.#settle(event.TaskScheduledId ?? -1, true, event);
        break;
      case EventType.TaskFailed:
      case EventType.SubOrchestrationInstanceFailed:
        this.#settle(event.TaskScheduledId ?? -1, false, event);
        break;
      case EventType.TimerFired:
        this.#settle(event.TimerId ?? -1, true, event);
        break;
      case EventType.EventRaised:
        this.#settle(event.Name ?? '', true, event);
        break;
      default:
        return;
    }
    this.#advance();
  }

  outcome(): Omit<ReplayOutcome, 'unclaimedEvents'> & { unclaimed: Set<HistoryEvent> } {
    const canceledTimers = new Set<number>();
    for (const task of this.#tasks) {
      if (task.kind === 'timer' && task.action.isCanceled === true) canceledTimers.add(task.id);
    }
    const deferred = [...this.#deferred.values()].flat().map(([event]) => event);
    return {
      tasks: this.#tasks,
      continueAsNew: this.#continueAsNew,
      canceledTimers,
      unclaimed: new Set(deferred.filter((event) => event.EventType === EventType.EventRaised)),
      repeatedTasks: [...this.#repeated],
    };
  }

  #advance(): void {
    while (this.#current === undefined || this.#current.state !== 'open') {
      const action = this.#actions[this.#next];
      if (action === undefined) return;
      this.#next += 1;
      if (action.actionType === ActionType.ContinueAsNew) {
        this.#continueAsNew = action;
        return;
      }
      this.#current = this.#nodeOf(action);
      this.#track(this.#current);
    }
  }

  #nodeOf(action: Action): Node {
    const known = this.#nodes.get(action);
    if (known) {
      if (known.kind !== 'event' && known.state === 'open') {
        this.#repeated.add(action.functionName ?? 'timer');
      }
      return known;
    }
    const unsupported = UNSUPPORTED.get(action.actionType);
    if (unsupported !== undefined) {
      throw new UnsupportedActionError(`The local host does not support ${unsupported}.`);
    }
    const kind = kindOfNode(action);
    const children = (action.compoundActions ?? []).map((child) => this.#nodeOf(child));
    const node: Node = { kind, action, children, parent: undefined, state: 'open', id: undefined };
    if (kind === 'retry') {
      node.children.push(leaf(action, node));
      node.retry = {
        attempt: 1,
        waitsForTimer: false,
        startedAt: this.#clock,
        timedOut: false,
        failure: undefined,
      };
    }
    for (const child of node.children) child.parent = node;
    this.#nodes.set(action, node);
    return node;
  }

  #track(node: Node, task?: Omit<NumberedTask, 'id'>): void {
    if (node.children.length > 0) {
      for (const child of node.children) this.#track(child);
      return;
    }
    let key: number | string;
    if (node.kind === 'event') {
      key = node.action.externalEventName ?? '';
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), node]);
    } else if (node.id === undefined) {
      key = node.id = this.#sequence++;
      this.#open.set(key, node);
      this.#tasks.push({ id: key, ...(task ?? describeTask(node.action)) });
    } else {
      key = node.id;
    }
    const deferred = this.#deferred.get(key);
    const first = deferred?.shift();
    if (deferred?.length === 0) this.#deferred.delete(key);
    if (first) this.#settle(key, first[1], first[0]);
  }

  #settle(key: number | string, succeeded: boolean, event: HistoryEvent): void {
    let node = typeof key === 'number' ? this.#open.get(key) : undefined;
    if (node) {
      this.#open.delete(key as number);
    } else if (typeof key === 'string') {
      const waiting = this.#waiting.get(key);
      // The library gives an event to the one that began to wait last.
      node = waiting?.pop();
      if (waiting?.length === 0) this.#waiting.delete(key);
    }
    if (!node) {
      this.#deferred.set(key, [...(this.#deferred.get(key) ?? []), [event, succeeded]]);
      return;
    }
    this.#complete(node, succeeded ? 'done' : 'failed', event);
  }

  #complete(node: Node, state: 'done' | 'failed', event: HistoryEvent): void {
    node.state = state;
    const parent = node.parent;
    if (!parent || (parent.kind !== 'retry' && parent.state !== 'open')) return;
    switch (parent.kind) {
      case 'any':
        this.#complete(parent, 'done', event);
        return;
      case 'all':
        if (state === 'failed') this.#complete(parent, 'failed', event);
        else if (parent.children.every((child) => child.state === 'done')) {
          this.#complete(parent, 'done', event);
        }
        return;
      case 'retry':
        this.#retry(parent, state, event);
        return;
      case 'leaf':
      case 'event':
        // They have no children.
        return;
    }
  }

  /** After every failure there is a timer, also after the last one; then the call runs again. */
  #retry(node: Node, state: 'done' | 'failed', event: HistoryEvent): void {
    const retry = node.retry;
    const options = node.action.retryOptions;
    if (!retry || !options) return;
    if (retry.waitsForTimer) {
      retry.waitsForTimer = false;
      if (retry.attempt > options.maxNumberOfAttempts) {
        this.#complete(node, 'failed', event);
        return;
      }
      const again = describeTask(node.action);
      this.#addChild(
        node,
        retry.timedOut && retry.failure ? { ...again, failAtOnce: retry.failure } : again,
      );
      return;
    }
    if (state === 'done') {
      this.#complete(node, 'done', event);
      return;
    }
    const delay = retryDelayMs(options, retry.attempt);
    const timeout = options.retryTimeoutInMilliseconds;
    if (timeout !== undefined && this.#clock + delay > retry.startedAt + timeout) {
      retry.timedOut = true;
    }
    retry.waitsForTimer = true;
    retry.failure = event;
    retry.attempt += 1;
    this.#addChild(node, {
      kind: 'timer',
      action: { actionType: ActionType.CreateTimer },
      fireAt: new Date(this.#clock + (retry.timedOut ? 0 : delay)),
    });
  }

  #addChild(parent: Node, task: Omit<NumberedTask, 'id'>): void {
    const child = leaf(task.action, parent);
    parent.children.push(child);
    this.#track(child, task);
  }
}

function leaf(action: Action, parent: Node | undefined): Node {
  return { kind: 'leaf', action, children: [], parent, state: 'open', id: undefined };
}

function kindOfNode(action: Action): Node['kind'] {
  switch (action.actionType) {
    case ActionType.WhenAny:
      return 'any';
    case ActionType.WhenAll:
      return 'all';
    case ActionType.WaitForExternalEvent:
      return 'event';
    case ActionType.CallActivityWithRetry:
    case ActionType.CallSubOrchestratorWithRetry:
      return 'retry';
    case ActionType.CallActivity:
    case ActionType.CallSubOrchestrator:
    case ActionType.CreateTimer:
      return 'leaf';
    default:
      throw new UnsupportedActionError(
        `The local host does not support actions of type ${action.actionType}.`,
      );
  }
}

function describeTask(action: Action): Omit<NumberedTask, 'id'> {
  switch (action.actionType) {
    case ActionType.CreateTimer:
      return { kind: 'timer', action, fireAt: new Date(action.fireAt ?? 0) };
    case ActionType.CallSubOrchestrator:
    case ActionType.CallSubOrchestratorWithRetry:
      return { kind: 'subOrchestration', action };
    default:
      return { kind: 'activity', action };
  }
}

export function retryDelayMs(options: RetryOptions, attempt: number): number {
  const delay =
    options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempt - 1);
  return Math.min(delay, options.maxRetryIntervalInMilliseconds ?? Number.MAX_SAFE_INTEGER);
}
