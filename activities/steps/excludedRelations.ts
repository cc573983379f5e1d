import type { MigrationSpec } from '../../shared/contracts/records.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { tableMatcher } from '../../shared/pg/copy/tableFilter.ts';

interface RelationRow {
  oid: string;
  schema: string;
  name: string;
  ancestors: string[];
}

/**
 * Oids of the tables, partitioned tables and foreign tables that the patterns leave out. Views are
 * not asked for by name: what depends on a table that is left out is left out with it.
 */
export async function excludedRelations(
  source: PgSession,
  spec: Pick<MigrationSpec, 'includeTables' | 'excludeTables'>,
): Promise<number[]> {
  if (spec.includeTables.length === 0 && spec.excludeTables.length === 0) return [];
  const matches = tableMatcher({ include: spec.includeTables, exclude: spec.excludeTables });
  const { rows } = await source.query<RelationRow>(RELATIONS_SQL);
  const byOid = new Map(rows.map((row) => [row.oid, row]));
  const isIncluded = (row: RelationRow) =>
    matches(
      row,
      row.ancestors.flatMap((oid) => byOid.get(oid) ?? []),
    );
  return rows.filter((row) => !isIncluded(row)).map((row) => Number(row.oid));
}

const RELATIONS_SQL = `
with recursive up as (
  select i.inhrelid, i.inhparent
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class p on p.oid = i.inhparent and p.relkind = 'p'
  union
  select up.inhrelid, i.inhparent
  from up
  join pg_catalog.pg_inherits i on i.inhrelid = up.inhparent
)
select c.oid::text, n.nspname as schema, c.relname as name,
  array(select up.inhparent::text from up where up.inhrelid = c.oid) as ancestors
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
      and d.deptype = 'e')
`;
