import type { PgSession } from '../connect.ts';
import type { ContentColumn } from './columnForm.ts';

/** A relation with rows as the catalog of one side has it. */
export interface ContentTable {
  oid: number;
  schema: string;
  name: string;
  isPartitioned: boolean;
  /** A foreign table as a partition has no rows of its own. */
  isForeign: boolean;
  /** OID of the partitioned table that this one is a partition of. */
  parentOid: number | undefined;
  /** Heap tables can be read in ranges of blocks. */
  isHeap: boolean;
  /** With TOAST. */
  sizeBytes: number;
  blockCount: number;
  /** All that hold values: generated virtual columns are left out. */
  columns: ContentColumn[];
  /** The primary key, else a unique index without nulls and conditions. */
  keyColumns: string[] | undefined;
  /** `where …` of an extension's configuration table, or ''. */
  condition: string;
}

interface CatalogRow {
  oid: number;
  schema: string;
  name: string;
  kind: string;
  parentOid: number | null;
  isHeap: boolean;
  sizeBytes: string;
  blockCount: number;
  columns: { name: string; type: string; builtin: string | null; isDomain: boolean }[] | null;
  keyColumns: string[] | null;
  condition: string | null;
}

/** Tables of system schemas, of the schema pgmove and of extensions are not part of a comparison. */
export async function readContentCatalog(session: PgSession): Promise<ContentTable[]> {
  const result = await session.query<CatalogRow>(catalogSql(session.serverVersion));
  return result.rows.map((row) => ({
    oid: row.oid,
    schema: row.schema,
    name: row.name,
    isPartitioned: row.kind === 'p',
    isForeign: row.kind === 'f',
    parentOid: row.parentOid ?? undefined,
    isHeap: row.isHeap,
    sizeBytes: Number(row.sizeBytes),
    blockCount: row.blockCount,
    columns: (row.columns ?? []).map((column) => ({
      ...column,
      builtin: column.builtin ?? undefined,
    })),
    keyColumns: row.keyColumns ?? undefined,
    condition: row.condition?.trim() ?? '',
  }));
}

function catalogSql(version: number): string {
  const hasPartitions = version >= 100000;
  const isHeap =
    version >= 120000
      ? "c.relkind = 'r' and exists (select from pg_catalog.pg_am m where m.oid = c.relam and m.amname = 'heap')"
      : "c.relkind = 'r'";
  return `
with recursive base(oid, base) as (
  select t.oid, t.oid from pg_catalog.pg_type t where t.typtype <> 'd'
  union all
  select t.oid, b.base from pg_catalog.pg_type t join base b on t.typbasetype = b.oid where t.typtype = 'd'
), relation as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relpages, ${isHeap} as is_heap,
    ${hasPartitions ? '(select i.inhparent from pg_catalog.pg_inherits i where c.relispartition and i.inhrelid = c.oid)' : 'null::pg_catalog.oid'} as parent,
    (select e.extcondition[s.i] from pg_catalog.pg_extension e,
       pg_catalog.generate_subscripts(e.extconfig, 1) s(i)
     where e.extconfig[s.i] = c.oid limit 1) as condition
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where (c.relkind in ('r', 'p') or ${hasPartitions ? "c.relkind = 'f' and c.relispartition" : 'false'})
    and c.relpersistence <> 't'
    and n.nspname <> 'pgmove' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and (not exists (select from pg_catalog.pg_depend d
           where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
         or exists (select from pg_catalog.pg_extension e where c.oid = any (e.extconfig)))
), columns as (
  select a.attrelid, pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname, 'type', pg_catalog.format_type(t.oid, null),
      'builtin', case when n.nspname = 'pg_catalog' then t.typname end,
      'isDomain', a.atttypid <> t.oid) order by a.attnum) as list
  from relation r
  join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join base b on b.oid = a.atttypid
  join pg_catalog.pg_type t on t.oid = b.base
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  ${version >= 180000 ? "where a.attgenerated <> 'v'" : ''}
  group by a.attrelid
), keys as (
  select distinct on (i.indrelid) i.indrelid, array(
      select a.attname::text from pg_catalog.generate_subscripts(i.indkey, 1) s(k)
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[s.k]
      ${version >= 110000 ? 'where s.k < i.indnkeyatts' : ''} order by s.k) as list
  from relation r
  join pg_catalog.pg_index i on i.indrelid = r.oid
  where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
    and not exists (select from pg_catalog.pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any (i.indkey) and not a.attnotnull)
  order by i.indrelid, i.indisprimary desc, i.indnatts, i.indexrelid
)
select r.oid, r.nspname as schema, r.relname as name, r.relkind as kind, r.parent as "parentOid",
  r.is_heap as "isHeap", r.condition as condition,
  case when r.relkind = 'r' then pg_catalog.pg_table_size(r.oid) else 0 end as "sizeBytes",
  case when r.relkind = 'r' then (pg_catalog.pg_relation_size(r.oid)
    / pg_catalog.current_setting('block_size')::int8)::float8 else 0 end as "blockCount",
  c.list as columns, k.list as "keyColumns"
from relation r
left join columns c on c.attrelid = r.oid
left join keys k on k.indrelid = r.oid
order by r.nspname, r.relname`;
}
