import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { concernsWholeCall } from '../../../shared/pg/copy/failure.ts';
import type { CopyBatch, TableOutcome } from '../../../shared/pg/copy/batch.ts';
import { copyOnline } from '../../../shared/wal/copy/copyOnline.ts';
import type { OnlineCopyOptions } from '../../../shared/wal/copy/copyOnline.ts';
import { isFilled, noteIndexed, readTableStates } from '../../../shared/wal/copy/tableStates.ts';
import { withSession } from '../../pg/copy/copyPair.ts';
import { MIGRATION_ID } from './onlinePair.ts';
import type { OnlinePair } from './onlinePair.ts';

export interface CopyTableOptions extends Partial<OnlineCopyOptions> {
  /** Ends the retries from outside. */
  isGivenUp?: () => boolean;
}

/** What an activity's call does, once. */
export async function copyOnceOnline(
  pair: OnlinePair,
  batch: CopyBatch,
  options: Partial<OnlineCopyOptions> = {},
): Promise<TableOutcome[]> {
  return await copyOnline({
    source: pair.source,
    target: pair.target,
    batch,
    migrationId: MIGRATION_ID,
    applicationName: 'pgmove/test/copy',
    signal: new AbortController().signal,
    ...options,
  });
}

/** As activities with retries do it: the rows, then indexes, then it is noted. */
export async function copyBatchOnline(
  pair: OnlinePair,
  batch: CopyBatch,
  options: CopyTableOptions = {},
): Promise<void> {
  const oids = batch.items.map(({ oid }) => oid);
  for (let attempt = 0; options.isGivenUp?.() !== true; attempt += 1) {
    try {
      const outcomes = await copyOnceOnline(pair, batch, options);
      const failed = outcomes.find(({ state }) => state === 'failed');
      if (failed?.state === 'failed') throw new Error(`${failed.kind}: ${failed.error}`);
      const isDone = await indexFilled(pair, oids);
      // A table in parts is indexed by whoever copies the last one.
      if (isDone || batch.kind === 'part') return;
    } catch (error) {
      if (!concernsWholeCall(error) || attempt > 300) throw error;
    }
    await delay(5 + Math.random() * 40);
  }
}

/** Copies all batches, a few at a time, and sees that every table is indexed in the end. */
export async function copyAllOnline(
  pair: OnlinePair,
  batches: readonly CopyBatch[],
  options: CopyTableOptions = {},
): Promise<void> {
  const open = [...batches];
  const lane = async () => {
    for (let batch = open.shift(); batch !== undefined; batch = open.shift()) {
      await copyBatchOnline(pair, batch, options);
    }
  };
  for (;;) {
    await Promise.all([lane(), lane(), lane()]);
    const oids = batches.flatMap(({ items }) => items.map(({ oid }) => oid));
    const isDone = await indexFilled(pair, oids).catch((error: unknown) => {
      if (!concernsWholeCall(error)) throw error;
      return false;
    });
    if (isDone || options.isGivenUp?.()) return;
    // A table whose parts' snapshot was lost started again.
    open.push(...batches);
  }
}

/** Builds the source's indexes of the tables whose rows are in. @returns whether all are. */
export async function indexFilled(pair: OnlinePair, oids: readonly number[]): Promise<boolean> {
  return await withSession(pair.target, async (target) => {
    const states = await readTableStates(target, oids);
    const filled = [...states.values()].filter(isFilled);
    const done = filled.filter(({ state }) => state === 'done').map(({ oid }) => oid);
    if (done.length > 0) {
      for (const sql of await indexSql(pair, done)) {
        await target.query(sql).catch((error: unknown) => {
          // Somebody else builds the same one at the same time.
          const { code } = error as { code?: string };
          if (!['42P07', '42710', '42P16', '23505', '40P01'].includes(code ?? '')) throw error;
        });
      }
      await noteIndexed(target, done);
    }
    return filled.length === states.size;
  });
}

interface IndexRow {
  table: string;
  definition: string;
  name: string;
  constraint: string | null;
}

async function indexSql(pair: OnlinePair, oids: readonly number[]): Promise<string[]> {
  const { rows } = await withSession(pair.source, (source) =>
    source.query<IndexRow>(
      `select format('%I.%I', n.nspname, c.relname) as table, pg_get_indexdef(i.indexrelid) as definition,
       x.relname as name,
       (select pg_get_constraintdef(k.oid) from pg_constraint k
        where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x') and k.conrelid = i.indrelid)
         as constraint
     from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
       join pg_namespace n on n.oid = c.relnamespace
     where i.indrelid = any ($1::oid[]) order by i.indisprimary desc, x.relname`,
      [oids],
    ),
  );
  return rows.map(({ table, definition, name, constraint }) => {
    if (constraint === null) return definition.replace(/INDEX /, 'INDEX IF NOT EXISTS ');
    return (
      `do $$ begin if not exists (select from pg_catalog.pg_constraint where conname = ` +
      `${pg.escapeLiteral(name)} and conrelid = ${pg.escapeLiteral(table)}::regclass) then alter ` +
      `table ${table} add constraint ${pg.escapeIdentifier(name)} ${constraint}; end if; end $$`
    );
  });
}
