import { createHash } from 'node:crypto';
import type { PgSession } from '../connect.ts';
import { tableMatcher } from '../copy/tableFilter.ts';
import type { QualifiedName } from '../copy/tableFilter.ts';
import { readPartitioning } from '../copy/tables.ts';
import type { TableFilter } from '../tablePattern.ts';

/** Hashes of what a table is, aspect by aspect, so that a difference can be told in words. */
export interface TableFingerprint extends QualifiedName {
  /** `r` ordinary, `p` partitioned; `p` permanent, `u` unlogged. */
  kind: string;
  /** Names, types, NOT NULL, identity, generated and dropped ones, in their order. */
  columns: string;
  /** Enum labels, domains, composites and ranges below the columns; empty without such. */
  types: string;
  /** REPLICA IDENTITY and the columns and validity of its index. */
  identity: string;
  /** What it inherits from or is a partition of, and its bounds and key. */
  parents: string;
}

/** By the table's oid, as text. Plain data: it may be stored as JSON. */
export type SchemaFingerprint = Readonly<Record<string, TableFingerprint>>;

export interface SchemaDifference {
  /** `created` alone needs no stop: its changes are reported as those of an unplanned table. */
  kind: 'created' | 'dropped' | 'changed';
  table: string;
  /** "Table public.orders has been dropped." */
  sentence: string;
}

/** Types of the system keep their meaning; every other oid is at or above this. */
const FIRST_USER_OID = 16384;

/** On pg_class c: tables whose changes are in the WAL, and partitioned ones above them. */
const TABLES_SQL = `c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.relnamespace in (
    select oid from pg_catalog.pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'pgmove'))`;

/**
 * What a DDL statement would change about the tables that are replicated. TRUNCATE, VACUUM, REINDEX
 * CONCURRENTLY, rewrites, ANALYZE, privileges and plain indexes do not show in it.
 *
 * Several simple statements: the server plans one large one badly as long as nobody has analyzed its
 * catalog. What changes between two of them shows as a difference to the look before or after.
 */
export async function readSchemaFingerprint(
  session: PgSession,
  filter: TableFilter,
): Promise<SchemaFingerprint> {
  const { serverVersion } = session;
  // Compiling these statements takes the server longer than to run them.
  if (serverVersion >= 110000) await session.query('set jit = off');
  const tables = await session.query<TableRow>(tablesSql(serverVersion));
  const columns = await readByOid<ColumnsRow>(session, columnsSql(serverVersion));
  const indexes = await readByOid<TextRow>(session, IDENTITY_INDEXES_SQL);
  const parents = await readByOid<TextRow>(session, PARENTS_SQL);
  const typeHash = typeHasher(await readTypes(session));
  const matches = tableMatcher(filter);
  const isFiltered = (filter.include ?? []).length > 0 || (filter.exclude ?? []).length > 0;
  const ancestorsOf = isFiltered ? await readPartitioning(session) : () => [];
  const fingerprint: Record<string, TableFingerprint> = {};
  for (const { oid, schema, name, kind, identity, partition } of tables.rows) {
    if (!matches({ schema, name }, ancestorsOf(Number(oid)))) continue;
    const own = columns.get(oid);
    fingerprint[oid] = {
      schema,
      name,
      kind,
      columns: own?.columns ?? '',
      types: (own?.types ?? []).map(typeHash).join(' '),
      identity: [identity, indexes.get(oid)?.text ?? ''].join(' ').trim(),
      parents: [parents.get(oid)?.text ?? '', partition].join(' ').trim(),
    };
  }
  return fingerprint;
}

interface TableRow extends QualifiedName {
  oid: string;
  kind: string;
  identity: string;
  partition: string;
}

interface TextRow {
  oid: string;
  text: string;
}

interface ColumnsRow {
  oid: string;
  columns: string;
  /** Oids of its columns' types that are not the system's. */
  types: number[] | null;
}

interface TypeRow {
  oid: string;
  text: string;
  /** Types that it is made of. */
  parts: number[] | null;
}

async function readByOid<Row extends { oid: string }>(
  session: PgSession,
  sql: string,
): Promise<Map<string, Row>> {
  const { rows } = await session.query<Row>(sql);
  return new Map(rows.map((row) => [row.oid, row]));
}

function tablesSql(serverVersion: number): string {
  const partition =
    serverVersion >= 100000
      ? `pg_catalog.md5(pg_catalog.concat_ws('|', c.relpartbound::text, p.partstrat,
           p.partattrs::text, p.partexprs::text))`
      : "''";
  const join =
    serverVersion >= 100000
      ? 'left join pg_catalog.pg_partitioned_table p on p.partrelid = c.oid'
      : '';
  return `
    select c.oid::text, n.nspname as schema, c.relname as name, ${partition} as partition,
      c.relkind::text || c.relpersistence::text as kind, c.relreplident::text as identity
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace ${join}
    where ${TABLES_SQL}`;
}

function columnsSql(serverVersion: number): string {
  const identity = serverVersion >= 100000 ? 'a.attidentity' : "''";
  const generated = serverVersion >= 120000 ? 'a.attgenerated' : "''";
  return `
    select a.attrelid::text as oid,
      pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws('|', a.attnum, a.attname,
        a.atttypid, a.atttypmod, a.attnotnull, ${identity}, ${generated}, a.attisdropped,
        a.attcollation), E'\\n' order by a.attnum)) as columns,
      pg_catalog.json_agg(a.atttypid::int8 order by a.attnum)
        filter (where a.atttypid >= ${FIRST_USER_OID}) as types
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    where a.attnum > 0 and ${TABLES_SQL}
    group by a.attrelid`;
}

const IDENTITY_INDEXES_SQL = `
  select x.indrelid::text as oid, pg_catalog.string_agg(pg_catalog.concat_ws('|', x.indkey::text,
    x.indisvalid, x.indimmediate, x.indisunique), ',' order by x.indkey::text) as text
  from pg_catalog.pg_index x
  join pg_catalog.pg_class c on c.oid = x.indrelid
  where ${TABLES_SQL}
    and case c.relreplident when 'd' then x.indisprimary when 'i' then x.indisreplident end
  group by x.indrelid`;

const PARENTS_SQL = `
  select i.inhrelid::text as oid,
    pg_catalog.string_agg(i.inhparent::text, ',' order by i.inhparent) as text
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  where ${TABLES_SQL}
  group by i.inhrelid`;

/**
 * Enums, domains, ranges, composites, and arrays of them. Not the row types of tables, of which
 * there is one each: as a column's type they change with their table.
 */
async function readTypes(session: PgSession): Promise<Map<number, TypeRow>> {
  const multirange =
    session.serverVersion >= 140000
      ? '(select r.rngtypid from pg_catalog.pg_range r where r.rngmultitypid = t.oid)'
      : 'null::oid';
  const { rows } = await session.query<TypeRow>(`
    select t.oid::text, pg_catalog.concat_ws('|', t.oid, t.typname, t.typtype, t.typbasetype,
        t.typtypmod, t.typnotnull,
        case when t.typtype = 'e' then (
          select pg_catalog.string_agg(e.enumlabel, ',' order by e.enumsortorder)
          from pg_catalog.pg_enum e where e.enumtypid = t.oid) end,
        case when t.typtype = 'd' then (
          select pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ',' order by k.conname)
          from pg_catalog.pg_constraint k where k.contypid = t.oid) end,
        case when t.typtype = 'c' then (
          select pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid,
            a.atttypmod, a.attisdropped), ',' order by a.attnum)
          from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0) end
      ) as text,
      (select pg_catalog.json_agg(u.part::int8 order by u.part) from (
         select t.typelem as part union select t.typbasetype union select ${multirange}
         union select r.rngsubtype from pg_catalog.pg_range r
           where t.typtype = 'r' and r.rngtypid = t.oid
         union select a.atttypid from pg_catalog.pg_attribute a
           where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0
       ) u where u.part >= ${FIRST_USER_OID}) as parts
    from pg_catalog.pg_type t
    left join pg_catalog.pg_type e on e.oid = t.typelem
    left join pg_catalog.pg_class c
      on c.oid = case when t.typtype = 'c' then t.typrelid else e.typrelid end
    where t.oid >= ${FIRST_USER_OID} and (c.oid is null or c.relkind = 'c')`);
  return new Map(rows.map((row) => [Number(row.oid), row]));
}

/** Hashes a type with all that it is made of. */
function typeHasher(types: ReadonlyMap<number, TypeRow>): (oid: number) => string {
  const hashes = new Map<number, string>();
  return (oid) => {
    let hash = hashes.get(oid);
    if (hash === undefined) {
      const texts = [...allParts(types, oid)].map((part) => types.get(part)?.text ?? '');
      hash = createHash('md5').update(texts.join('\n')).digest('hex');
      hashes.set(oid, hash);
    }
    return hash;
  };
}

/** A set grows while it is walked, and takes each part once. */
function allParts(types: ReadonlyMap<number, TypeRow>, oid: number): Set<number> {
  const found = new Set([oid]);
  for (const part of found) for (const next of types.get(part)?.parts ?? []) found.add(next);
  return found;
}

/** What has changed between two looks; nothing when the list is empty. */
export function compareFingerprints(
  before: SchemaFingerprint,
  after: SchemaFingerprint,
): SchemaDifference[] {
  const differences: SchemaDifference[] = [];
  const created = new Map<string, string>();
  for (const [oid, table] of Object.entries(after)) {
    if (!Object.hasOwn(before, oid)) created.set(nameOf(table), oid);
  }
  for (const [oid, table] of Object.entries(before)) {
    const name = nameOf(table);
    const now = after[oid];
    if (now !== undefined) {
      const sentence = changeOf(table, now);
      if (sentence !== undefined) differences.push({ kind: 'changed', table: name, sentence });
      continue;
    }
    const again = created.delete(name) ? ' and created again' : '';
    const sentence = `Table ${name} has been dropped${again}.`;
    differences.push({ kind: 'dropped', table: name, sentence });
  }
  for (const name of created.keys()) {
    const sentence = `Table ${name} has been created; it is not part of the migration.`;
    differences.push({ kind: 'created', table: name, sentence });
  }
  return differences;
}

const ASPECTS: readonly (readonly [keyof TableFingerprint, string])[] = [
  ['columns', 'other columns (added, dropped, renamed, or of another type)'],
  ['types', 'columns whose type was altered (enum labels, a domain or a composite)'],
  ['identity', 'another replica identity or primary key'],
  ['parents', 'other partition bounds, keys or parents'],
];

function changeOf(before: TableFingerprint, now: TableFingerprint): string | undefined {
  const changes: string[] = [];
  if (nameOf(before) !== nameOf(now)) changes.push(`is now named ${nameOf(now)}`);
  if (before.kind !== now.kind) {
    changes.push(now.kind.endsWith('u') ? 'is unlogged now' : 'is of another kind now');
  }
  const aspects = ASPECTS.filter(([aspect]) => before[aspect] !== now[aspect]);
  if (aspects.length > 0) changes.push(`has ${aspects.map(([, words]) => words).join(' and ')}`);
  if (changes.length === 0) return undefined;
  return `Table ${nameOf(before)} ${changes.join(' and ')}.`;
}

function nameOf({ schema, name }: QualifiedName): string {
  return `${schema}.${name}`;
}
