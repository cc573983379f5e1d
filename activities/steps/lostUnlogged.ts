import type { PgSession } from '../../shared/pg/connect.ts';
import { qualifiedSql } from '../../shared/pg/copy/tables.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

export interface LostTable {
  oid: number;
  schema: string;
  name: string;
}

/** A crash of the target empties its unlogged tables, whatever pgmove.copies says of them. */
export async function lostUnlogged(
  env: ActivityEnvironment,
  database: string,
  target: PgSession,
): Promise<LostTable[]> {
  const { rows } = await target.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence = 'u' and n.nspname !~ '^pg_'`,
  );
  if (rows.length === 0) return [];
  const unlogged = new Set(rows.map(({ schema, name }) => `${schema}\n${name}`));
  const lost: LostTable[] = [];
  const { id } = env.record.ref;
  const columns = ['tableId', 'schema', 'table', 'rows'] as const;
  for await (const table of env.stores.tables.all(id, database, columns)) {
    const name = { schema: table.schema, name: table.table };
    if (table.rows === 0 || !unlogged.has(`${table.schema}\n${table.table}`)) continue;
    const found = await target.query(`select from only ${qualifiedSql(name)} limit 1`);
    if (found.rowCount === 0) lost.push({ oid: Number(table.tableId), ...name });
  }
  return lost;
}
