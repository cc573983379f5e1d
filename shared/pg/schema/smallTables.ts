import type { PgSession } from '../connect.ts';
import { finishTable } from './indexes.ts';
import type { BuildOptions } from './indexes.ts';
import type { IndexWork, TableIndexWork } from './plan.ts';
import { sliceBegin, throwIfNotTheObjects } from './slices.ts';

/** A table's index work takes a lock per index and one for the table. */
const INDEXES_PER_TRANSACTION = 400;

/**
 * The same as finishTable for many small tables, in few round trips: the dump's own statements,
 * many tables in one transaction. When such a transaction fails, its tables are finished one by
 * one, which names the cause.
 */
export async function finishSmallTables(
  session: PgSession,
  works: readonly TableIndexWork[],
  options: BuildOptions = {},
): Promise<void> {
  const there = await indexesThere(session, works);
  const isThere = (index: IndexWork) => there.has(String(index.oid));
  const untouched = works.filter((work) => !work.indexes.some(isThere));
  // An earlier run, perhaps one that was killed, has been here: only what is missing is made.
  const touched = works.filter(
    (work) =>
      work.indexes.some(isThere) &&
      !work.indexes.every((index) => isThere(index) && index.tail.length === 0),
  );
  for (const work of touched) await finishTable(session, work, options);
  for (const group of groupsOf(untouched)) {
    try {
      await session.query(`${sliceBegin(session)} set local synchronous_commit = on;`);
      await options.fence?.(session);
      await session.query(`${group.map((work) => work.sql).join('\n')}\ncommit;`);
    } catch (error) {
      await session.query('rollback').catch(() => undefined);
      throwIfNotTheObjects(error);
      for (const work of group) await finishTable(session, work, options);
    }
  }
}

function groupsOf(works: readonly TableIndexWork[]): TableIndexWork[][] {
  const groups: TableIndexWork[][] = [];
  let indexCount = 0;
  for (const work of works) {
    const last = groups.at(-1);
    if (last === undefined || indexCount + work.indexes.length > INDEXES_PER_TRANSACTION) {
      groups.push([work]);
      indexCount = work.indexes.length;
    } else {
      last.push(work);
      indexCount += work.indexes.length;
    }
  }
  return groups;
}

/** Oids of the indexes that are there and valid, with their constraint when they have one. */
async function indexesThere(
  session: PgSession,
  works: readonly TableIndexWork[],
): Promise<Set<string>> {
  const indexes = works.flatMap((work) => work.indexes);
  const { rows } = await session.query<{ key: string }>(
    `select w.key
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         as w (key, schema_name, index_name, table_name, constraint_name)
       join pg_catalog.pg_namespace n on n.nspname = w.schema_name
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w.index_name
       join pg_catalog.pg_index i on i.indexrelid = c.oid and i.indisvalid
       join pg_catalog.pg_class t on t.oid = i.indrelid and t.relname = w.table_name
     where w.constraint_name is null or exists (
       select from pg_catalog.pg_constraint k
       where k.conrelid = t.oid and k.conname = w.constraint_name)`,
    [
      indexes.map((index) => String(index.oid)),
      indexes.map((index) => index.schema),
      indexes.map((index) => index.name),
      indexes.map((index) => index.table),
      indexes.map((index) => index.constraint?.name ?? null),
    ],
  );
  return new Set(rows.map((row) => row.key));
}
