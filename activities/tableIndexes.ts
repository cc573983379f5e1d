import { isTransient, kindOf } from '../shared/errors/classify.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { readCopies } from '../shared/pg/copy/control.ts';
import { safeCause } from '../shared/pg/copy/failure.ts';
import { buildIndex, finishTable } from '../shared/pg/schema/indexes.ts';
import { noteIndexed } from '../shared/wal/copy/tableStates.ts';
import { indexBuildOptions, readBatchPlan } from './steps/batchPlan.ts';
import type { BatchPlan } from './steps/batchPlan.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';

/** Builds one index of a large table. Idempotent: an index that is there and valid is done. */
defineActivity('buildIndex', async (input, env) => {
  const plan = await readBatchPlan(env, input);
  const work = plan.indexWork[0]?.indexes[input.index];
  if (work === undefined) return null;
  const startedAt = performance.now();
  await noteFailure(env, input.database, plan, async () => {
    await using session = await env.open('target', input.database);
    await buildIndex(session, work, indexBuildOptions(plan));
  });
  await addIndexTime(env, input.database, plan, performance.now() - startedAt);
  return null;
});

/** The indexes of a table are built beside each other: their times are summed under the row's ETag. */
async function addIndexTime(
  env: ActivityEnvironment,
  database: string,
  { batch }: BatchPlan,
  durationMs: number,
): Promise<void> {
  const tableId = String(batch.items[0]?.oid);
  await env.stores.copyWork.update(env.record.ref.id, database, (row) => ({
    ...row,
    indexMs: {
      ...row.indexMs,
      [tableId]: (row.indexMs?.[tableId] ?? 0) + Math.round(durationMs),
    },
  }));
}

/** Adds the constraints of a large table over its indexes, and notes that the table is complete. */
defineActivity('finishTable', async (input, env) => {
  const { ref, database } = input;
  const plan = await readBatchPlan(env, input);
  const item = plan.batch.items[0];
  if (item === undefined) return null;
  await using session = await env.open('target', database);
  const work = plan.indexWork[0];
  const startedAt = performance.now();
  if (work) {
    await noteFailure(env, database, plan, () =>
      finishTable(session, work, indexBuildOptions(plan)),
    );
  }
  const finishMs = Math.round(performance.now() - startedAt);
  const isOnline = env.record.spec.mode === 'Online';
  if (isOnline) await noteIndexed(session, [item.oid]);
  const { indexMs } = (await env.stores.copyWork.get(ref.id, database)) ?? {};
  await env.stores.tables.updateMany(ref.id, database, [
    {
      tableId: String(item.oid),
      state: 'completed',
      error: '',
      indexMs: finishMs + (indexMs?.[String(item.oid)] ?? 0),
      endedOn: new Date().toISOString(),
      ...(item.part === undefined ? {} : await sumOfParts(session, item.oid)),
    },
  ]);
  return null;
});

/** Says in the table's row what failed for good; a failure that time may cure is tried again. */
async function noteFailure(
  env: ActivityEnvironment,
  database: string,
  { batch }: BatchPlan,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const kind = kindOf(error);
    const [item] = batch.items;
    if (item !== undefined && kind !== 'canceled' && !isTransient(kind)) {
      await env.stores.tables.updateMany(env.record.ref.id, database, [
        { tableId: String(item.oid), state: 'failed', error: safeCause(error) },
      ]);
    }
    throw error;
  }
}

async function sumOfParts(
  session: PgSession,
  oid: number,
): Promise<{ rows: number; bytes: number; partsDone: number; copyMs: number }> {
  const copies = await readCopies(session, [oid]);
  const head = copies.find(({ part }) => part === 0);
  const parts = copies.filter((copy) => copy.part > 0 && copy.generation === head?.generation);
  return {
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    partsDone: parts.filter(({ state }) => state === 'done').length,
    copyMs: Math.max(0, ...parts.map(({ copyMs }) => copyMs)),
  };
}
