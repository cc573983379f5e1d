import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  ActivityResult,
  BatchOutcome,
  CopyCounters,
  CopyUnit,
  CopyWindowState,
  DatabaseOrchestration,
} from '../../shared/contracts/activities.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';
import { resultOf, retryDelayMs, startActivity } from './callActivity.ts';
import { firstOf } from './taskGroups.ts';

/** The whole history is replayed in every episode, so a window starts anew after this many units. */
const UNITS_PER_HISTORY = 200;

const MOST_FAILURE_SENTENCES = 20;

const PROGRESS_INTERVAL_MS = 1_000;

export type WindowOutcome =
  /** All units ended; what failed is in the state's counters and failures. */
  | { end: 'drained' }
  /** The history is long enough: continue as new with the state. Nothing is in flight. */
  | { end: 'continue' }
  /** The copy of this generation is void. */
  | { end: 'snapshotLost'; message: string }
  | { end: 'canceled' };

interface Running {
  unit: CopyUnit | 'progress';
  task: Task;
}

/**
 * Feeds units of work into at most `jobs` activities at once and starts the next when one ends, so
 * that largest first holds. Follow-ups (indexes of a table whose rows are in) go before new tables.
 */
export function* runCopyWindow(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  state: CopyWindowState,
): Generator<Task, WindowOutcome, unknown> {
  let running: Running[] = [];
  let ended = 0;
  let stop: WindowOutcome | undefined;
  let progressAt = 0;

  for (;;) {
    while (stop === undefined && ended < UNITS_PER_HISTORY) {
      if (running.filter(({ unit }) => unit !== 'progress').length >= input.jobs) break;
      const unit = takeUnit(state);
      if (unit === undefined) break;
      running.push({ unit, task: startUnit(context, input, state, unit) });
    }
    if (running.length === 0) break;

    const task = yield* firstOf(
      context,
      running.map((entry) => entry.task),
    );
    const finished = running.find((entry) => entry.task === task);
    running = running.filter((entry) => entry !== finished);
    if (finished === undefined || finished.unit === 'progress') continue;

    ended += 1;
    stop ??= settle(state, finished.unit, task);

    const now = context.df.currentUtcDateTime.getTime();
    const isReporting = running.some(({ unit }) => unit === 'progress');
    if (!isReporting && now - progressAt >= PROGRESS_INTERVAL_MS) {
      progressAt = now;
      const loadingTables = running.filter((entry) => isBatch(entry.unit)).length;
      running.push({
        unit: 'progress',
        task: reportProgress(context, input, state, loadingTables),
      });
    }
  }

  if (stop !== undefined) return stop;
  const isDrained = state.nextBatch >= state.batchCount && state.followUps.length === 0;
  return { end: isDrained ? 'drained' : 'continue' };
}

function isBatch(unit: Running['unit']): boolean {
  return unit !== 'progress' && unit.kind === 'batch';
}

function takeUnit(state: CopyWindowState): CopyUnit | undefined {
  const followUp = state.followUps.shift();
  if (followUp !== undefined) return followUp;
  if (state.nextBatch >= state.batchCount) return undefined;
  const batch = state.nextBatch;
  state.nextBatch += 1;
  return { kind: 'batch', batch, attempt: 0 };
}

function startUnit(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  state: CopyWindowState,
  unit: CopyUnit,
): Task {
  const { ref, database } = input;
  const { generation, snapshot } = state;
  const wait = retryDelayMs('connectionFailed', unit.attempt - 1);
  const base = { ref, database, generation, ...(wait === undefined ? {} : { delayMs: wait }) };
  switch (unit.kind) {
    case 'batch':
      return startActivity(context, 'copyBatch', {
        ...base,
        snapshot,
        batch: unit.batch,
        attempt: unit.attempt,
      });
    case 'index':
      return startActivity(context, 'buildIndex', {
        ...base,
        batch: unit.batch,
        index: unit.index,
      });
    case 'finish':
      return startActivity(context, 'finishTable', { ...base, batch: unit.batch });
    case 'largeObjects':
      return startActivity(context, 'copyLargeObjects', { ...base, snapshot });
  }
}

function reportProgress(
  context: OrchestrationContext,
  input: DatabaseOrchestration,
  state: CopyWindowState,
  loadingTables: number,
): Task {
  const { ref, database } = input;
  const counters: CopyCounters = { ...state.counters, loadingTables };
  return startActivity(context, 'recordProgress', { ref, database, counters });
}

const ACTIVITY_OF = {
  batch: 'copyBatch',
  index: 'buildIndex',
  finish: 'finishTable',
  largeObjects: 'copyLargeObjects',
} as const;

/** Takes in what one unit came to; returns why the window has to stop, if it has to. */
function settle(state: CopyWindowState, unit: CopyUnit, task: Task): WindowOutcome | undefined {
  const result: ActivityResult<unknown> = resultOf(ACTIVITY_OF[unit.kind], task);
  if (result.ok) {
    noteSuccess(state, unit, result.value);
    return undefined;
  }
  const { kind, message } = result.error;
  if (kind === 'snapshotLost') return { end: 'snapshotLost', message };
  if (kind === 'canceled') return { end: 'canceled' };
  noteFailure(state, unit, kind, message);
  return undefined;
}

function noteSuccess(state: CopyWindowState, unit: CopyUnit, value: unknown): void {
  if (unit.kind === 'batch') {
    noteBatch(state, unit.batch, value as BatchOutcome);
    return;
  }
  if (unit.kind === 'index') {
    const key = String(unit.batch);
    const open = (state.indexesOpen[key] ?? 1) - 1;
    state.indexesOpen[key] = open;
    if (open > 0) return;
    delete state.indexesOpen[key];
    if (state.broken[key] === undefined) {
      state.followUps.unshift({ kind: 'finish', batch: unit.batch, attempt: 0 });
    }
    return;
  }
  if (unit.kind === 'finish') {
    state.counters.completedTables += 1;
    state.counters.queuedTables -= 1;
  }
}

function noteBatch(state: CopyWindowState, batch: number, outcome: BatchOutcome): void {
  state.counters.rowsCopied += outcome.rows;
  state.counters.bytesCopied += outcome.bytes;
  state.counters.erroredTables += outcome.tablesFailed;
  state.counters.queuedTables -= outcome.tablesFailed;
  if (outcome.part !== undefined) {
    const { tableId, partCount } = outcome.part;
    if (outcome.tablesFailed > 0) {
      state.broken[`table ${tableId}`] = true;
      return;
    }
    const done = (state.partsDone[tableId] ?? 0) + 1;
    state.partsDone[tableId] = done;
    if (done < partCount || state.broken[`table ${tableId}`] !== undefined) return;
    delete state.partsDone[tableId];
    openIndexes(state, batch, outcome.indexCount);
    return;
  }
  if (outcome.indexCount > 0 && outcome.tablesFailed === 0) {
    openIndexes(state, batch, outcome.indexCount);
    return;
  }
  state.counters.completedTables += outcome.tablesDone;
  state.counters.queuedTables -= outcome.tablesDone;
}

/** The rows of a large table are in: its indexes become units of their own, before new tables. */
function openIndexes(state: CopyWindowState, batch: number, indexCount: number): void {
  if (indexCount === 0) {
    state.followUps.unshift({ kind: 'finish', batch, attempt: 0 });
    return;
  }
  state.indexesOpen[String(batch)] = indexCount;
  const units = Array.from({ length: indexCount }, (_, index): CopyUnit => {
    return { kind: 'index', batch, index, attempt: 0 };
  });
  state.followUps.unshift(...units);
}

function noteFailure(
  state: CopyWindowState,
  unit: CopyUnit,
  kind: MigrationErrorKind,
  message: string,
): void {
  if (retryDelayMs(kind, unit.attempt) !== undefined) {
    state.followUps.push({ ...unit, attempt: unit.attempt + 1 });
    return;
  }
  if (state.failures.length < MOST_FAILURE_SENTENCES) state.failures.push(message);
  if (unit.kind === 'index' || unit.kind === 'finish') {
    if (state.broken[String(unit.batch)] === undefined) {
      state.broken[String(unit.batch)] = true;
      state.counters.erroredTables += 1;
      state.counters.queuedTables -= 1;
    }
  }
}
