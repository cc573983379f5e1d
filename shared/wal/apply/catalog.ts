import pg from 'pg';
import type { PgSession } from '../../pg/connect.ts';
import { readTypes } from './types.ts';
import type { ApplyType } from './types.ts';

/** A column of a table of the target. */
export interface ApplyColumn {
  readonly name: string;
  /** The name as SQL. */
  readonly sql: string;
  readonly type: ApplyType;
  /** Whether equal texts and equal values are the same thing under the column's collation. */
  readonly isTextExact: boolean;
  readonly isNotNull: boolean;
  /** Computed by the server; never written. */
  readonly isGenerated: boolean;
  /** GENERATED … AS IDENTITY: `a` always, `d` by default, empty otherwise. */
  readonly identity: '' | 'a' | 'd';
  /** Whether an update's message may leave it out because its TOASTed value did not change. */
  readonly isToastable: boolean;
}

/** Columns that find at most one row: a unique index that is checked at once and has no nulls. */
export interface ApplyKey {
  readonly index: string;
  readonly isPrimary: boolean;
  readonly columns: readonly ApplyColumn[];
  /** `operator(schema.=)` of the index's operator class, per column. */
  readonly operators: readonly string[];
}

/** One ordinary table or leaf partition of the target. */
export interface ApplyTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** The qualified name as SQL. */
  readonly sql: string;
  /** In the order of the table, generated ones too. */
  readonly columns: readonly ApplyColumn[];
  readonly columnByName: ReadonlyMap<string, ApplyColumn>;
  /** Usable for matching; the primary key first. */
  readonly keys: readonly ApplyKey[];
  readonly hasIdentity: boolean;
  /** Whether a unique, exclusion or foreign key constraint may be deferred. */
  readonly hasDeferrable: boolean;
}

export interface ApplyCatalog {
  readonly tables: readonly ApplyTable[];
  find(schema: string, name: string): ApplyTable | undefined;
}

export interface TableName {
  schema: string;
  name: string;
}

interface TableRow {
  oid: string;
  schema: string;
  name: string;
  has_deferrable: boolean;
  columns: ColumnRow[] | null;
}

interface ColumnRow {
  name: string;
  type: number;
  not_null: boolean;
  generated: boolean;
  identity: '' | 'a' | 'd';
  toastable: boolean;
  deterministic: boolean;
}

interface KeyRow {
  table: string;
  name: string;
  is_primary: boolean;
  columns: string[];
  operators: string[];
}

/**
 * What the apply needs to know of the target's tables: all of them, or the named ones. Three
 * queries, whatever the number of tables. A table that is not there is not in the result.
 */
export async function loadApplyTables(
  target: PgSession,
  names?: readonly TableName[],
): Promise<ApplyCatalog> {
  const filter = names && [names.map(({ schema }) => schema), names.map(({ name }) => name)];
  const chosen = filter
    ? 'and (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[]))'
    : '';
  const { rows } = await target.query<TableRow>(tablesSql(target.serverVersion, chosen), filter);
  const types = await readTypes(target, [
    ...new Set(rows.flatMap(({ columns }) => (columns ?? []).map(({ type }) => type))),
  ]);
  const keys = await target.query<KeyRow>(keysSql(target.serverVersion, chosen), filter);
  const keysByTable = new Map<string, KeyRow[]>();
  for (const key of keys.rows) {
    const ofTable = keysByTable.get(key.table);
    if (ofTable === undefined) keysByTable.set(key.table, [key]);
    else ofTable.push(key);
  }
  const tables = rows.map((row) => applyTable(row, types, keysByTable.get(row.oid) ?? []));
  const bySchema = new Map<string, Map<string, ApplyTable>>();
  for (const table of tables) {
    const inSchema = bySchema.get(table.schema) ?? new Map<string, ApplyTable>();
    bySchema.set(table.schema, inSchema.set(table.name, table));
  }
  return { tables, find: (schema, name) => bySchema.get(schema)?.get(name) };
}

function applyTable(
  row: TableRow,
  types: ReadonlyMap<number, ApplyType>,
  keyRows: readonly KeyRow[],
): ApplyTable {
  const columns = (row.columns ?? []).map((column) => applyColumn(column, types));
  const columnByName = new Map(columns.map((column) => [column.name, column]));
  const keys = keyRows.map((key) => ({
    index: key.name,
    isPrimary: key.is_primary,
    columns: key.columns.flatMap((name) => columnByName.get(name) ?? []),
    operators: key.operators,
  }));
  return {
    oid: Number(row.oid),
    schema: row.schema,
    name: row.name,
    sql: `${pg.escapeIdentifier(row.schema)}.${pg.escapeIdentifier(row.name)}`,
    columns,
    columnByName,
    // A generated column's value is not known before the row is written.
    keys: keys.filter((key) => key.columns.every(({ isGenerated }) => !isGenerated)),
    hasIdentity: columns.some(({ identity }) => identity !== ''),
    hasDeferrable: row.has_deferrable,
  };
}

function applyColumn(row: ColumnRow, types: ReadonlyMap<number, ApplyType>): ApplyColumn {
  const type = types.get(row.type);
  if (type === undefined) throw new RangeError(`The type ${row.type} of a column is not known.`);
  return {
    name: row.name,
    sql: pg.escapeIdentifier(row.name),
    type,
    isTextExact: type.isTextExact && row.deterministic,
    isNotNull: row.not_null || type.isNotNull,
    isGenerated: row.generated,
    identity: row.identity,
    isToastable: row.toastable,
  };
}

const USER_TABLES_SQL = `c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'pgmove')`;

function tablesSql(serverVersion: number, chosen: string): string {
  const generated = serverVersion >= 120000 ? "a.attgenerated <> ''" : 'false';
  const deterministic =
    serverVersion >= 120000
      ? `coalesce((select l.collisdeterministic from pg_catalog.pg_collation l
           where l.oid = a.attcollation), true)`
      : 'true';
  return `
    select c.oid, n.nspname as schema, c.relname as name,
      exists (select from pg_catalog.pg_constraint k
        where k.conrelid = c.oid and k.condeferrable) as has_deferrable,
      (select pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname,
           'type', a.atttypid::bigint, 'not_null', a.attnotnull, 'generated', ${generated},
           'identity', a.attidentity::text,
           'toastable', a.attlen = -1 and a.attstorage <> 'p', 'deterministic', ${deterministic})
         order by a.attnum)
       from pg_catalog.pg_attribute a
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where ${USER_TABLES_SQL} ${chosen}`;
}

/**
 * Indexes that find at most one row. Not partial, without expressions, checked at once (a
 * deferrable one may hold the same key twice inside a transaction), no nulls. The operator is the
 * one of the index's own class: a column of another schema's type (citext) finds it nowhere else
 * under an empty search_path, and would silently be compared as text.
 */
function keysSql(serverVersion: number, chosen: string): string {
  const keyCount = serverVersion >= 110000 ? 'i.indnkeyatts' : 'i.indnatts';
  return `
    select i.indrelid as table, x.relname as name, i.indisprimary as is_primary,
      k.columns, k.operators
    from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    join pg_catalog.pg_class c on c.oid = i.indrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
      select pg_catalog.json_agg(a.attname order by p.position) as columns,
        pg_catalog.json_agg(coalesce(
            'operator(' || pg_catalog.quote_ident(f.nspname) || '.' || o.oprname || ')',
            'operator(pg_catalog.=)') order by p.position) as operators,
        pg_catalog.bool_and(a.attnotnull) as is_not_null
      from pg_catalog.unnest(i.indkey::int2[]) with ordinality p (attnum, position)
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = p.attnum
      join pg_catalog.pg_opclass s on s.oid = i.indclass[p.position - 1]
      left join pg_catalog.pg_amop m on m.amopfamily = s.opcfamily and m.amopstrategy = 3
        and m.amoplefttype = s.opcintype and m.amoprighttype = s.opcintype
        and s.opcmethod = (select am.oid from pg_catalog.pg_am am where am.amname = 'btree')
      left join pg_catalog.pg_operator o on o.oid = m.amopopr
      left join pg_catalog.pg_namespace f on f.oid = o.oprnamespace
      where p.position <= ${keyCount}) k
    where i.indisunique and i.indimmediate and i.indisvalid and i.indisready
      and i.indpred is null and i.indexprs is null and k.is_not_null
      and ${USER_TABLES_SQL} ${chosen}
    order by i.indrelid, i.indisprimary desc, ${keyCount}, x.relname`;
}
