import pg from 'pg';
import { wrapError } from '../../errors/classify.ts';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { TableFilter } from '../tablePattern.ts';
import { tableMatcher } from './tableFilter.ts';
import type { QualifiedName } from './tableFilter.ts';

/** A column that COPY carries: not dropped, not generated. */
export interface TableColumn {
  name: string;
  typeOid: number;
  /** The type below all domains; equal to typeOid for anything else. */
  baseTypeOid: number;
  /** As format_type writes it: `numeric(10,2)`. */
  typeName: string;
  typmod: number;
  /** GENERATED … AS IDENTITY: `a` always, `d` by default, empty otherwise. */
  identity: '' | 'a' | 'd';
}

/** The single integer column of the primary key, with its bounds. */
export interface SplitKey {
  column: string;
  /** Decimal text: int8 does not fit a double. */
  min: string;
  max: string;
}

export interface ExtensionConfig {
  extension: string;
  /** Begins with WHERE, or is empty. */
  condition: string;
}

/** A table of the source that has rows of its own to copy. */
export interface SourceTable {
  oid: number;
  schema: string;
  name: string;
  /** In the order of attnum. */
  columns: TableColumn[];
  /** `p` permanent, `u` unlogged. */
  persistence: 'p' | 'u';
  /** Size of the rows on disk, with TOAST, without indexes. */
  bytes: number;
  /** Blocks of the heap when the list was made. */
  pageCount: number;
  /** From the statistics, scaled to the present size. */
  estimatedRows: number;
  isPartition: boolean;
  /** Tables that it inherits from, or is a partition of. */
  parentOids: number[];
  /** Whether ranges of ctid select blocks (the heap access method). */
  hasBlocks: boolean;
  /** Of large tables only, and only where ranges of ctid are slow (before 14). */
  splitKey?: SplitKey;
  extensionConfig?: ExtensionConfig;
}

/** Below this no bounds of a key are read. */
const SPLIT_KEY_BYTES = 32 * 1024 * 1024;

const BLOCK_BYTES = 8192;

interface CatalogRow {
  oid: string;
  schema: string;
  name: string;
  persistence: 'p' | 'u';
  bytes: string;
  heap_bytes: string;
  relpages: number;
  reltuples: number;
  is_partition: boolean;
  has_blocks: boolean;
  columns: [string, number, string, number, '' | 'a' | 'd'][] | null;
  parents: string[] | null;
  key_column: string | null;
  extension: string | null;
  condition: string | null;
}

/**
 * Tables whose rows are copied: ordinary ones and leaf partitions, each by itself. Not those of
 * the system, of sessions, of pgmove, or of extensions, except an extension's configuration tables.
 * One query whatever the number of tables; sizes are those of the files, because the catalog's are
 * zero until somebody analyzes.
 */
export async function listTables(session: PgSession, filter: TableFilter): Promise<SourceTable[]> {
  const rows = await readCatalog(session);
  const [domains, ancestorsOf] = [await readDomains(session), await readPartitioning(session)];
  const matches = tableMatcher(filter);
  const tables = rows
    .filter((row) => matches(row, ancestorsOf(Number(row.oid))))
    .map((row) => ({ row, table: sourceTable(row, domains) }));
  if (session.serverVersion < 140000) {
    for (const { row, table } of tables) {
      if (row.key_column === null || table.bytes < SPLIT_KEY_BYTES) continue;
      const key = await readSplitKey(session, table, row.key_column);
      if (key !== undefined) table.splitKey = key;
    }
  }
  return await inReferenceOrder(
    session,
    tables.map(({ table }) => table),
  );
}

/**
 * Condition on pg_class c and pg_namespace n that selects the tables whose rows are copied, where e
 * is the list of extension configuration tables, joined from the left.
 */
export const COPIED_TABLES_SQL = `c.relkind = 'r' and c.relpersistence <> 't' and (e.oid is not null
    or (n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
      and not exists (
        select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
          and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e')))`;

/** Configuration tables of extensions: their oid and the condition on their rows. */
export const EXTENSION_CONFIG_SQL = `
  select config.oid, x.extname, config.condition
  from pg_catalog.pg_extension x,
    lateral unnest(x.extconfig, x.extcondition) config (oid, condition)`;

/**
 * The size of a table is asked for under a lock. Somebody who waits for an exclusive one stands
 * before it, and may wait for this migration's own snapshot: then it is better to say so.
 */
async function readCatalog(session: PgSession): Promise<CatalogRow[]> {
  const before = await session.query<{ lock_timeout: string }>('show lock_timeout');
  await session.query("set lock_timeout = '30s'");
  try {
    const { rows } = await session.query<CatalogRow>(tableListSql(session.serverVersion));
    await session.query(`set lock_timeout = '${before.rows[0]?.lock_timeout ?? 0}'`);
    return rows;
  } catch (error) {
    if (codeOf(error) !== '55P03') throw error;
    throw new MigrationError(
      'lockTimeout',
      'The tables of the source could not be listed: another session has, or waits for, an ' +
        'exclusive lock on one of them (see pg_locks). End it and resume.',
      { cause: error },
    );
  }
}

function tableListSql(serverVersion: number): string {
  const identity = serverVersion >= 100000 ? 'a.attidentity::text' : "''";
  const notGenerated = serverVersion >= 120000 ? "and a.attgenerated = ''" : '';
  const isPartition = serverVersion >= 100000 ? 'c.relispartition' : 'false';
  const hasBlocks =
    serverVersion >= 120000
      ? "coalesce((select am.amname = 'heap' from pg_catalog.pg_am am where am.oid = c.relam), false)"
      : 'true';
  return `
    select c.oid, n.nspname as schema, c.relname as name, c.relpersistence as persistence,
      s.heap_bytes, s.heap_bytes + s.toast_bytes as bytes, c.relpages, c.reltuples,
      ${isPartition} as is_partition, ${hasBlocks} as has_blocks,
      (select pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.atttypid::bigint,
           pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypmod, ${identity})
         order by a.attnum)
       from pg_catalog.pg_attribute a
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped ${notGenerated}) as columns,
      (select pg_catalog.json_agg(i.inhparent::bigint order by i.inhseqno)
       from pg_catalog.pg_inherits i where i.inhrelid = c.oid) as parents,
      (select a.attname
       from pg_catalog.pg_index x
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
       where x.indrelid = c.oid and x.indisprimary and x.indnatts = 1 and a.atttypid in (20, 21, 23)
      ) as key_column,
      e.extname as extension, e.condition
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join (${EXTENSION_CONFIG_SQL}) e on e.oid = c.oid
    cross join lateral (
      select coalesce(pg_catalog.pg_relation_size(c.oid, 'main'), 0) as heap_bytes,
        case when c.reltoastrelid = 0 then 0
          else coalesce(pg_catalog.pg_relation_size(c.reltoastrelid, 'main'), 0) end as toast_bytes
    ) s
    where ${COPIED_TABLES_SQL}
    order by c.oid`;
}

function sourceTable(row: CatalogRow, domains: ReadonlyMap<number, number>): SourceTable {
  const heapBytes = Number(row.heap_bytes);
  const pageCount = Math.ceil(heapBytes / BLOCK_BYTES);
  return {
    oid: Number(row.oid),
    schema: row.schema,
    name: row.name,
    columns: (row.columns ?? []).map(([name, typeOid, typeName, typmod, identity]) => ({
      name,
      typeOid,
      baseTypeOid: baseType(typeOid, domains),
      typeName,
      typmod,
      identity,
    })),
    persistence: row.persistence,
    bytes: Number(row.bytes),
    pageCount,
    estimatedRows: estimateRows(row.relpages, row.reltuples, pageCount),
    isPartition: row.is_partition,
    parentOids: (row.parents ?? []).map(Number),
    hasBlocks: row.has_blocks,
    ...(row.extension === null
      ? {}
      : { extensionConfig: { extension: row.extension, condition: row.condition ?? '' } }),
  };
}

/** As the planner does: the density of the last ANALYZE on the present number of blocks. */
function estimateRows(relpages: number, reltuples: number, pageCount: number): number {
  if (relpages > 0 && reltuples >= 0) return Math.round((reltuples / relpages) * pageCount);
  // Never analyzed: a hundred rows in a block.
  return pageCount * 100;
}

/** Domains and what they are over, by oid. */
export async function readDomains(session: PgSession): Promise<ReadonlyMap<number, number>> {
  const { rows } = await session.query<{ oid: string; base: string }>(
    "select oid, typbasetype as base from pg_catalog.pg_type where typtype = 'd'",
  );
  return new Map(rows.map(({ oid, base }) => [Number(oid), Number(base)]));
}

export function baseType(typeOid: number, domains: ReadonlyMap<number, number>): number {
  let oid = typeOid;
  for (let base = domains.get(oid); base !== undefined; base = domains.get(oid)) oid = base;
  return oid;
}

/** Gives, for a leaf, the partitioned tables above it. */
export async function readPartitioning(
  session: PgSession,
): Promise<(oid: number) => QualifiedName[]> {
  if (session.serverVersion < 100000) return () => [];
  const { rows } = await session.query<{ child: string; parent: string } & QualifiedName>(
    `select i.inhrelid as child, i.inhparent as parent, n.nspname as schema, p.relname as name
     from pg_catalog.pg_inherits i
     join pg_catalog.pg_class p on p.oid = i.inhparent and p.relkind = 'p'
     join pg_catalog.pg_namespace n on n.oid = p.relnamespace`,
  );
  const parentOf = new Map(rows.map((row) => [Number(row.child), row]));
  return (oid) => {
    const ancestors: QualifiedName[] = [];
    for (let row = parentOf.get(oid); row; row = parentOf.get(Number(row.parent))) {
      ancestors.push({ schema: row.schema, name: row.name });
    }
    return ancestors;
  };
}

async function readSplitKey(
  session: PgSession,
  table: SourceTable,
  column: string,
): Promise<SplitKey | undefined> {
  const quoted = pg.escapeIdentifier(column);
  const { rows } = await session
    .query<{ min: string | null; max: string | null }>(
      `select min(${quoted})::text as min, max(${quoted})::text as max
       from only ${qualifiedSql(table)}`,
    )
    .catch((error: unknown) => {
      throw wrapError(error, `Table ${table.schema}.${table.name}`);
    });
  const [bounds] = rows;
  if (!bounds || bounds.min === null || bounds.max === null) return undefined;
  return { column, min: bounds.min, max: bounds.max };
}

/**
 * Configuration tables to the front, referenced ones first: their foreign keys exist when the rows
 * come, other tables' do not.
 */
async function inReferenceOrder(session: PgSession, tables: SourceTable[]): Promise<SourceTable[]> {
  const configs = tables.filter((table) => table.extensionConfig !== undefined);
  if (configs.length === 0) return tables;
  const { rows } = await session.query<{ child: string; parent: string }>(
    `select conrelid as child, confrelid as parent from pg_catalog.pg_constraint
     where contype = 'f' and conrelid = any ($1::oid[]) and confrelid <> conrelid`,
    [configs.map(({ oid }) => oid)],
  );
  const ordered = new Set<SourceTable>();
  const visiting = new Set<number>();
  const visit = (table: SourceTable): void => {
    if (visiting.has(table.oid)) return;
    visiting.add(table.oid);
    for (const { child, parent } of rows) {
      const referenced = configs.find(({ oid }) => oid === Number(parent));
      if (Number(child) === table.oid && referenced) visit(referenced);
    }
    ordered.add(table);
  };
  configs.forEach(visit);
  return [...ordered, ...tables.filter((table) => table.extensionConfig === undefined)];
}

export function qualifiedSql(table: QualifiedName): string {
  return `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`;
}
