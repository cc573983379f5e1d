import type { PgSession } from '../connect.ts';
import type { TableFilter } from '../tablePattern.ts';
import { tableMatcher } from './tableFilter.ts';
import { readPartitioning } from './tables.ts';

export interface ForeignKeyToExcluded {
  name: string;
  /** `schema.table` that has the foreign key; it is copied. */
  table: string;
  /** `schema.table` that it points to; it is not. */
  referencedTable: string;
}

/** Foreign keys of tables that are copied to tables that are left out. They cannot be created. */
export async function foreignKeysToExcluded(
  session: PgSession,
  filter: TableFilter,
): Promise<ForeignKeyToExcluded[]> {
  const { rows } = await session.query<Record<string, string>>(
    `select k.conname as name, k.conrelid as child, k.confrelid as parent,
       cn.nspname as child_schema, c.relname as child_name,
       pn.nspname as parent_schema, p.relname as parent_name
     from pg_catalog.pg_constraint k
     join pg_catalog.pg_class c on c.oid = k.conrelid
     join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
     join pg_catalog.pg_class p on p.oid = k.confrelid
     join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
     where k.contype = 'f'
     order by cn.nspname, c.relname, k.conname`,
  );
  const matches = tableMatcher(filter);
  const ancestorsOf = await readPartitioning(session);
  const isCopied = (oid: string, schema: string, name: string) =>
    matches({ schema, name }, ancestorsOf(Number(oid)));
  return rows
    .map((row) => ({
      name: row['name']!,
      child: { oid: row['child']!, schema: row['child_schema']!, name: row['child_name']! },
      parent: { oid: row['parent']!, schema: row['parent_schema']!, name: row['parent_name']! },
    }))
    .filter(
      ({ child, parent }) =>
        isCopied(child.oid, child.schema, child.name) &&
        !isCopied(parent.oid, parent.schema, parent.name),
    )
    .map(({ name, child, parent }) => ({
      name,
      table: `${child.schema}.${child.name}`,
      referencedTable: `${parent.schema}.${parent.name}`,
    }));
}
