import type { MigrationErrorKind } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { CopyItem } from './batch.ts';
import type { FencedItem } from './fence.ts';
import { qualifiedSql } from './tables.ts';

/** Why a table of the target must not be filled. */
export interface TableObstacle {
  kind: MigrationErrorKind;
  reason: string;
}

/**
 * What is in the way, by the table's oid on the source: triggers, which COPY would fire, and rows
 * that no copy of ours has put there. Extensions' tables may have both.
 */
export async function firstObstacles(
  session: PgSession,
  fenced: readonly FencedItem[],
): Promise<Map<number, TableObstacle>> {
  const items = fenced
    .filter(({ item, done }) => !item.extensionConfig && done === undefined)
    .map(({ item }) => item);
  const obstacles = new Map<number, TableObstacle>();
  if (items.length === 0) return obstacles;
  const { rows } = await session.query<{ oid: string; present: boolean; trigger: string | null }>(
    `select wanted.oid, c.oid is not null as present,
       (select t.tgname from pg_catalog.pg_trigger t
        where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D' limit 1) as trigger
     from unnest($1::oid[], $2::text[], $3::text[]) wanted (oid, schema, name)
     left join pg_catalog.pg_namespace n on n.nspname = wanted.schema
     left join pg_catalog.pg_class c
       on c.relnamespace = n.oid and c.relname = wanted.name and c.relkind = 'r'`,
    [items.map(({ oid }) => oid), items.map(({ schema }) => schema), items.map(({ name }) => name)],
  );
  for (const { oid, present, trigger } of rows) {
    if (!present) {
      obstacles.set(Number(oid), { kind: 'schemaFailed', reason: 'it is not on the target' });
    } else if (trigger !== null) {
      obstacles.set(Number(oid), {
        kind: 'targetOccupied',
        reason: `it has the trigger ${trigger} on the target, which the copy would fire`,
      });
    }
  }
  const unfilled = fenced.filter(
    ({ item, hasOldRows, done }) =>
      !item.extensionConfig && !hasOldRows && done === undefined && !obstacles.has(item.oid),
  );
  for (const oid of await tablesWithRows(session, unfilled)) {
    obstacles.set(oid, {
      kind: 'targetOccupied',
      reason: 'it has rows on the target that this migration did not copy',
    });
  }
  return obstacles;
}

async function tablesWithRows(
  session: PgSession,
  fenced: readonly FencedItem[],
): Promise<number[]> {
  if (fenced.length === 0) return [];
  const checks = fenced.map(
    ({ item }) =>
      `select ${item.oid}::bigint as oid where exists (select from only ${qualifiedSql(item)})`,
  );
  const { rows } = await session.query<{ oid: string }>(checks.join(' union all '));
  return rows.map(({ oid }) => Number(oid));
}

/** Empties tables that are ours to fill; of an extension's table only the rows that are copied. */
export async function clearTables(session: PgSession, items: readonly CopyItem[]): Promise<void> {
  const truncated = items.filter((item) => !item.extensionConfig);
  if (truncated.length > 0) {
    const names = truncated.map((item) => `only ${qualifiedSql(item)}`);
    // Without ONLY the tables that inherit from it would be emptied too.
    await session.query(`truncate ${names.join(', ')}`);
  }
  // Last first: their foreign keys exist.
  for (const item of items.filter(({ extensionConfig }) => extensionConfig).toReversed()) {
    await session.query(
      `delete from only ${qualifiedSql(item)} ${item.extensionConfig?.condition ?? ''}`,
    );
  }
}
