/** Runs an orchestrator function over a history and reads what it answers. */
import type { RegisteredFunction } from '../core.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import { EventType } from './history.ts';
import type { HistoryEvent } from './history.ts';
import type { Action } from './replay.ts';

export interface OrchestratorRequest {
  readonly instanceId: string;
  readonly parentInstanceId: string | undefined;
  /** JSON text. */
  readonly input: string | null;
  readonly history: readonly HistoryEvent[];
}

/** What the orchestrator wants; texts are JSON. */
export type OrchestratorAnswer =
  | { kind: 'waits'; actions: readonly Action[]; customStatus: string | undefined }
  | {
      kind: 'completed';
      output: string;
      actions: readonly Action[];
      customStatus: string | undefined;
    }
  | { kind: 'failed'; message: string; customStatus: string | undefined };

interface OrchestratorState {
  isDone: boolean;
  actions?: Action[][];
  output?: unknown;
  error?: string;
  customStatus?: unknown;
}

/** Separates an error's text from the orchestrator's state in what the library throws. */
const FAILURE_MARKER = '\n\n$OutOfProcData$:';

/** Schema V3: the full list of actions, one entry per yield. V4 would add entity locks. */
const UPPER_SCHEMA_VERSION = 1;
const UPPER_SCHEMA_VERSION_NEW = 2;

/** Longer than any timer: the table holds every due time, so a long timer is never split. */
const LONGEST_TIMER = '10000.00:00:00';

export async function runOrchestrator(
  invoker: Invoker,
  fn: RegisteredFunction,
  request: OrchestratorRequest,
): Promise<OrchestratorAnswer> {
  const value = {
    // The library reads its clock from these events and hands the very Date to user code.
    history: request.history.map((event) =>
      event.EventType === EventType.OrchestratorStarted
        ? { ...event, Timestamp: new Date(event.Timestamp) }
        : event,
    ),
    input: request.input === null ? null : (JSON.parse(request.input) as unknown),
    instanceId: request.instanceId,
    isReplaying: false,
    parentInstanceId: request.parentInstanceId ?? null,
    upperSchemaVersion: UPPER_SCHEMA_VERSION,
    upperSchemaVersionNew: UPPER_SCHEMA_VERSION_NEW,
    longRunningTimerIntervalDuration: LONGEST_TIMER,
    maximumShortTimerDuration: LONGEST_TIMER,
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  };
  let state: OrchestratorState;
  try {
    const { result } = await invoker.invoke(fn, { triggerValue: { value } });
    state = readState(result);
  } catch (error) {
    return readFailure(fn.name, error);
  }
  const customStatus = toJson(state.customStatus);
  const actions = state.actions?.[0] ?? [];
  if (!state.isDone) return { kind: 'waits', actions, customStatus };
  return { kind: 'completed', actions, customStatus, output: toJson(state.output) ?? 'null' };
}

function readState(result: unknown): OrchestratorState {
  const state: unknown = typeof result === 'string' ? JSON.parse(result) : result;
  if (typeof state !== 'object' || state === null || !('isDone' in state)) {
    throw new Error('The orchestrator did not return the state of an orchestration.');
  }
  return state as OrchestratorState;
}

function readFailure(name: string, error: unknown): OrchestratorAnswer {
  const text = errorText(error);
  const marker = text.indexOf(FAILURE_MARKER);
  const prefix = `Orchestrator function '${name}' failed: `;
  if (marker < 0) return { kind: 'failed', message: prefix + text, customStatus: undefined };
  const state = JSON.parse(text.slice(marker + FAILURE_MARKER.length)) as OrchestratorState;
  return {
    kind: 'failed',
    message: prefix + (state.error ?? text.slice(0, marker)),
    customStatus: toJson(state.customStatus),
  };
}

function toJson(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}
