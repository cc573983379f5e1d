import type { PgSession } from '../connect.ts';
import { createForeignKeys } from './foreignKeys.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, NotCarriedList } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';
import { tolerateEntry } from './preData.ts';
import type { RestoreOptions } from './preData.ts';
import { runInSlices } from './slices.ts';

export interface PostDataOptions extends RestoreOptions {
  /** Sessions that create foreign keys at once. */
  jobs: number;
}

/**
 * Restores what is left after the tables' indexes: indexes of partitioned tables and materialized
 * views, attachments, triggers, rules, policies, statistics, publications, their comments; then the
 * foreign keys, in parallel. `open` gives one more target session.
 */
export async function restorePostData(
  open: () => Promise<PgSession>,
  plan: Pick<SchemaPlan, 'postData' | 'foreignKeys' | 'database'>,
  options: PostDataOptions,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const signal = options.signal ? { signal: options.signal } : {};
  const session = await open();
  try {
    // A comment on a foreign key is among these entries and has to wait for the key.
    const isOnForeignKey = commentsOf(plan.foreignKeys);
    await restoreRootIndexes(session, plan, options, report);
    await runInSlices(session, {
      stage: 'postData',
      entries: plan.postData.filter((entry) => !isOnForeignKey(entry) && !isRootIndex(entry)),
      generation: options.generation,
      defaultSearchPath: plan.database.defaultSearchPath,
      tolerate: tolerateEntry,
      report,
      ...signal,
    });
    await createForeignKeys(open, {
      entries: plan.foreignKeys,
      jobs: options.jobs,
      report,
      ...signal,
    });
    await runInSlices(session, {
      stage: 'foreignKeyComments',
      entries: plan.postData.filter(isOnForeignKey),
      generation: options.generation,
      defaultSearchPath: plan.database.defaultSearchPath,
      tolerate: (entry, error) =>
        // The key itself was left out, and that is in the report already.
        tolerateEntry(entry, error) ?? 'silently',
      report,
      ...signal,
    });
  } finally {
    await session.close();
  }
  return report.items();
}

/** What the indexes of partitioned tables are made of; others belong to materialized views. */
function isRootIndex({ type, sql }: SchemaPlan['postData'][number]): boolean {
  if (type === 'INDEX') return /\sON ONLY\s/.test(sql);
  return type === 'INDEX ATTACH' || type === 'CONSTRAINT';
}

/** Before the foreign keys, which may refer to partitioned tables. Idempotent. */
export async function restoreRootIndexes(
  session: PgSession,
  plan: Pick<SchemaPlan, 'postData' | 'database'>,
  options: RestoreOptions,
  report: NotCarriedList,
): Promise<void> {
  await runInSlices(session, {
    stage: 'rootIndexes',
    entries: plan.postData.filter(isRootIndex),
    generation: options.generation,
    defaultSearchPath: plan.database.defaultSearchPath,
    tolerate: tolerateEntry,
    report,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

function commentsOf(
  foreignKeys: SchemaPlan['foreignKeys'],
): (entry: SchemaPlan['postData'][number]) => boolean {
  const ids = new Set(foreignKeys.map((entry) => entry.dumpId));
  return (entry) =>
    (entry.type === 'COMMENT' || entry.type === 'SECURITY LABEL') &&
    entry.dependencies.some((dumpId) => ids.has(dumpId));
}
