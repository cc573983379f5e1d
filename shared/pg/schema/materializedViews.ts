import pg from 'pg';
import { kindOf } from '../../errors/classify.ts';
import { codeOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { safeCause } from '../copy/failure.ts';
import { inTransaction } from '../transaction.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, SchemaFailure } from './notCarried.ts';
import type { MaterializedViewFact, SchemaPlan } from './plan.ts';
import { runWithSearchPath } from './searchPath.ts';
import { schemaFailed, SEARCH_PATH_REASON, throwIfNotTheObjects } from './slices.ts';

/**
 * Refreshes what was populated on the source, in dependency order. Idempotent: a view that is
 * populated already is left alone.
 *
 * @throws MigrationError schemaFailed, after all others are refreshed, naming those that failed.
 */
export async function refreshMaterializedViews(
  target: PgSession,
  plan: Pick<SchemaPlan, 'materializedViews' | 'database'>,
  options: { signal?: AbortSignal } = {},
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const failures: SchemaFailure[] = [];
  const open = await unpopulated(target);
  for (const view of plan.materializedViews) {
    options.signal?.throwIfAborted();
    if (!view.isPopulated || !open.has(nameOf(view))) continue;
    try {
      const usedSearchPath = await refresh(target, view, plan.database.defaultSearchPath);
      if (usedSearchPath) report.add('searchPath', nameOf(view), SEARCH_PATH_REASON);
    } catch (error) {
      throwIfNotTheObjects(error);
      failures.push({
        object: `materialized view ${nameOf(view)}`,
        message: safeCause(error),
        code: codeOf(error),
        kind: kindOf(error),
      });
    }
  }
  if (failures.length > 0) throw schemaFailed(failures);
  return report.items();
}

function nameOf(view: { schema: string; name: string }): string {
  return `${view.schema}.${view.name}`;
}

async function unpopulated(target: PgSession): Promise<Set<string>> {
  const { rows } = await target.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' and not c.relispopulated`,
  );
  return new Set(rows.map(nameOf));
}

async function refresh(
  target: PgSession,
  view: MaterializedViewFact,
  defaultSearchPath: string,
): Promise<boolean> {
  const name = `${pg.escapeIdentifier(view.schema)}.${pg.escapeIdentifier(view.name)}`;
  return inTransaction(target, async () => {
    await target.query('savepoint pgmove_refresh');
    return runWithSearchPath(
      target,
      `refresh materialized view ${name}`,
      defaultSearchPath,
      'pgmove_refresh',
    );
  });
}
