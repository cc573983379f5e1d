import type { BatchOutcome } from '../shared/contracts/activities.ts';
import { isTransient, kindOf } from '../shared/errors/classify.ts';
import type { CopyItem, TableOutcome } from '../shared/pg/copy/batch.ts';
import { copyBatch } from '../shared/pg/copy/copyBatch.ts';
import { safeCause } from '../shared/pg/copy/failure.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { finishTable } from '../shared/pg/schema/indexes.ts';
import { finishSmallTables } from '../shared/pg/schema/smallTables.ts';
import type { TableIndexWork } from '../shared/pg/schema/plan.ts';
import type { TablePatch } from '../shared/state/stores.ts';
import { copyOnline } from '../shared/wal/copy/copyOnline.ts';
import type { OnlineCopyOptions } from '../shared/wal/copy/copyOnline.ts';
import { countCopied } from '../shared/telemetry/metrics.ts';
import { noteIndexed } from '../shared/wal/copy/tableStates.ts';
import { indexBuildOptions, readBatchPlan } from './steps/batchPlan.ts';
import type { BatchPlan } from './steps/batchPlan.ts';
import { curveReporter } from './steps/copyCurve.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';

type Done = Extract<TableOutcome, { state: 'done' }>;
type Failed = Extract<TableOutcome, { state: 'failed' }>;

/** Batches of more tables than this are too quick for a mark "copying" on each. */
const MOST_MARKED_TABLES = 10;

/**
 * Copies one batch: a table, many small ones with their indexes, or a part of a large one.
 * Idempotent and safe to run twice at once: each table's rows and the note that they are in are one
 * transaction on the target, fenced by the table's row in pgmove.copies.
 */
defineActivity('copyBatch', async (input, env): Promise<BatchOutcome> => {
  const { ref, database, generation, snapshot } = input;
  const plan = await readBatchPlan(env, input);
  const { batch } = plan;
  const reporter = progressReporter(env, database, batch.items);
  if (batch.items.length <= MOST_MARKED_TABLES) await reporter.begin(input.attempt);
  const reportCurve = curveReporter(env.stores, { ...input, migrationId: ref.id });
  const isOnline = env.record.spec.mode === 'Online';
  const copy: OnlineCopyOptions = {
    source: env.endpoint('source', database),
    target: env.endpoint('target', database),
    batch,
    migrationId: ref.id,
    applicationName: `pgmove/${ref.name}/copy`,
    signal: env.signal,
    onProgress: (progress) => {
      reporter.report(progress);
      reportCurve(progress.reduce((sum, { bytes }) => sum + bytes, 0));
    },
  };
  const outcomes = isOnline
    ? await copyOnline(copy)
    : await copyBatch({ ...copy, generation, snapshot });
  await reporter.drain();
  const done = outcomes.filter((outcome): outcome is Done => outcome.state === 'done');
  const failed = outcomes.filter((outcome): outcome is Failed => outcome.state === 'failed');
  const patches = new Map<number, TablePatch>();
  const endedOn = new Date().toISOString();
  for (const { oid, error } of failed) {
    patches.set(oid, { tableId: String(oid), state: 'failed', error, endedOn });
  }
  if (plan.hasIndexUnits) {
    for (const outcome of done) patches.set(outcome.oid, rowsPatch(outcome, 'indexing'));
  } else {
    await buildInline(env, database, plan, done, patches);
    if (isOnline) await noteTablesIndexed(env, database, patches);
  }
  // A part's numbers are summed where all parts are known, in finishTable; a failure is told at once.
  if (batch.kind === 'tables' || failed.length > 0) {
    await env.stores.tables.updateMany(ref.id, database, [...patches.values()]);
  }
  const rows = done.reduce((sum, outcome) => sum + outcome.rows, 0);
  const bytes = done.reduce((sum, outcome) => sum + outcome.bytes, 0);
  countCopied(ref.id, database, { rows, bytes });
  const failedCount = [...patches.values()].filter(({ state }) => state === 'failed').length;
  const part = batch.items[0]?.part;
  const work = plan.indexWork[0];
  return {
    tablesDone: patches.size - failedCount,
    tablesFailed: failedCount,
    rows,
    bytes,
    ...(part === undefined
      ? {}
      : {
          part: {
            tableId: String(batch.items[0]?.oid),
            partCount: part.count,
            ...(outcomes[0]?.generation === undefined
              ? {}
              : { generation: outcomes[0].generation }),
          },
        }),
    indexCount: plan.hasIndexUnits ? (work?.indexes.length ?? 0) : 0,
  };
});

function rowsPatch(outcome: Done, state: 'indexing' | 'completed'): TablePatch {
  const { oid, rows, bytes, copyMs } = outcome;
  return { tableId: String(oid), state, rows, bytes, copyMs, error: '' };
}

/** From now on the stream applies to them what it held. */
async function noteTablesIndexed(
  env: ActivityEnvironment,
  database: string,
  patches: ReadonlyMap<number, TablePatch>,
): Promise<void> {
  const indexed = [...patches].filter(([, { state }]) => state === 'completed');
  await using target = await env.open('target', database);
  await noteIndexed(
    target,
    indexed.map(([oid]) => oid),
  );
}

/** Builds the indexes of the batch's tables here; a table whose index fails is a failed table. */
async function buildInline(
  env: ActivityEnvironment,
  database: string,
  plan: BatchPlan,
  done: readonly Done[],
  patches: Map<number, TablePatch>,
): Promise<void> {
  const workOf = new Map(plan.batch.items.map(({ oid }, index) => [oid, plan.indexWork[index]]));
  const works = done.flatMap(({ oid }) => workOf.get(oid) ?? []);
  const startedAt = Date.now();
  const errors =
    works.length === 0 ? new Map<number, string>() : await finish(env, database, plan, works);
  const indexMs = Math.round((Date.now() - startedAt) / Math.max(1, works.length));
  const endedOn = new Date().toISOString();
  for (const outcome of done) {
    const error = errors.get(outcome.oid);
    const rows = { ...rowsPatch(outcome, 'completed'), indexMs, endedOn };
    patches.set(outcome.oid, error === undefined ? rows : { ...rows, state: 'failed', error });
  }
}

async function finish(
  env: ActivityEnvironment,
  database: string,
  plan: BatchPlan,
  works: readonly TableIndexWork[],
): Promise<Map<number, string>> {
  await using session = await env.open('target', database);
  try {
    if (works.length === 1)
      await finishTable(session, works[0] as TableIndexWork, indexBuildOptions(plan));
    else await finishSmallTables(session, works, indexBuildOptions(plan));
    return new Map();
  } catch (error) {
    // The batch is tried again: its rows are in, and what is built is left.
    if (isTransient(kindOf(error))) throw error;
    // Which tables they were is found out one by one.
    return await finishEach(session, plan, works);
  }
}

async function finishEach(
  session: PgSession,
  plan: BatchPlan,
  works: readonly TableIndexWork[],
): Promise<Map<number, string>> {
  const errors = new Map<number, string>();
  for (const work of works) {
    try {
      await finishTable(session, work, indexBuildOptions(plan));
    } catch (error) {
      if (isTransient(kindOf(error))) throw error;
      errors.set(work.tableOid, `${work.schema}.${work.table}: ${safeCause(error)}`);
    }
  }
  return errors;
}

interface ProgressReporter {
  begin(attempt: number): Promise<void>;
  report(progress: readonly { oid: number; bytes: number }[]): void;
  /** Waits for the write that is under way, so that it cannot overwrite the end. */
  drain(): Promise<void>;
}

/** Writes bytes so far into the tables' rows, one write at a time; what fails is not important. */
function progressReporter(
  env: ActivityEnvironment,
  database: string,
  items: readonly CopyItem[],
): ProgressReporter {
  const { id } = env.record.ref;
  const isPart = items.some(({ part }) => part !== undefined);
  let writing: Promise<void> = Promise.resolve();
  let isWriting = false;
  const write = (patches: TablePatch[]) => {
    isWriting = true;
    writing = env.stores.tables
      .updateMany(id, database, patches)
      .catch(() => undefined)
      .finally(() => (isWriting = false));
  };
  return {
    async begin(attempt) {
      const startedOn = new Date().toISOString();
      write(
        items.map(({ oid, part }) => ({
          tableId: String(oid),
          state: 'copying',
          attempt,
          // The other parts begin with the first one, or after it.
          ...(part === undefined || part.index === 1 ? { startedOn } : {}),
        })),
      );
      await writing;
    },
    report(progress) {
      if (isWriting || isPart || progress.length === 0) return;
      write(progress.map(({ oid, bytes }) => ({ tableId: String(oid), bytes })));
    },
    drain: () => writing,
  };
}
