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

/**
 * What a DDL statement would change about the tables that are replicated. TRUNCATE, VACUUM, REINDEX
 * CONCURRENTLY, rewrites, ANALYZE, privileges and plain indexes do not show in it. One statement:
 * all of it is of one moment.
 */
export async function readSchemaFingerprint(
  session: PgSession,
  filter: TableFilter,
): Promise<SchemaFingerprint> {
  const { rows } = await session.query<TableFingerprint & { oid: string }>(
    fingerprintSql(session.serverVersion),
  );
  const matches = tableMatcher(filter);
  const isFiltered = (filter.include ?? []).length > 0 || (filter.exclude ?? []).length > 0;
  const ancestorsOf = isFiltered ? await readPartitioning(session) : () => [];
  return Object.fromEntries(
    rows
      .filter((row) => matches(row, ancestorsOf(Number(row.oid))))
      .map(({ oid, ...table }) => [oid, table]),
  );
}

/** Types of the system keep their meaning; every other oid is at or above this. */
const FIRST_USER_OID = 16384;

function fingerprintSql(serverVersion: number): string {
  const since = (version: number, sql: string, before: string) =>
    serverVersion >= version ? sql : before;
  const identity = since(100000, 'a.attidentity', "''");
  const generated = since(120000, 'a.attgenerated', "''");
  const bound = since(100000, 'c.relpartbound::text', 'null::text');
  const partitionKey = since(
    100000,
    `(select p.partstrat::text || p.partattrs::text || coalesce(p.partexprs::text, '')
      from pg_catalog.pg_partitioned_table p where p.partrelid = l.oid)`,
    'null',
  );
  const multirange = since(
    140000,
    `union all select rngmultitypid, rngtypid from pg_catalog.pg_range
       where rngtypid >= ${FIRST_USER_OID}`,
    '',
  );
  return `
    with recursive listed as (
      select c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,
        ${bound} as bound
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
    ), edges (whole, part) as (
      select oid, typelem from pg_catalog.pg_type where typelem >= ${FIRST_USER_OID}
      union all
      select oid, typbasetype from pg_catalog.pg_type where typbasetype >= ${FIRST_USER_OID}
      union all
      select rngtypid, rngsubtype from pg_catalog.pg_range where rngsubtype >= ${FIRST_USER_OID}
      ${multirange}
      union all
      select t.oid, a.atttypid from pg_catalog.pg_type t
      join pg_catalog.pg_attribute a on a.attrelid = t.typrelid
      where t.typtype = 'c' and a.attnum > 0 and not a.attisdropped
        and a.atttypid >= ${FIRST_USER_OID}
    ), parts (root, part) as (
      select distinct a.atttypid, a.atttypid from pg_catalog.pg_attribute a
      join listed l on l.oid = a.attrelid
      where a.attnum > 0 and a.atttypid >= ${FIRST_USER_OID}
      union
      select p.root, e.part from parts p join edges e on e.whole = p.part
    ), type_texts as (
      select t.oid, pg_catalog.concat_ws('|', t.oid, t.typname, t.typtype, t.typbasetype,
        t.typtypmod, t.typnotnull,
        (select pg_catalog.string_agg(e.enumlabel, ',' order by e.enumsortorder)
         from pg_catalog.pg_enum e where e.enumtypid = t.oid),
        (select pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ','
           order by k.conname) from pg_catalog.pg_constraint k where k.contypid = t.oid),
        (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid,
           a.atttypmod, a.attisdropped), ',' order by a.attnum)
         from pg_catalog.pg_attribute a
         where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0)) as text
      from pg_catalog.pg_type t
      where t.oid in (select part from parts)
    ), root_hashes as (
      select p.root, pg_catalog.md5(pg_catalog.string_agg(t.text, E'\\n' order by t.oid)) as hash
      from parts p join type_texts t on t.oid = p.part
      group by p.root
    ), columns as (
      select a.attrelid,
        pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws('|', a.attnum, a.attname,
          a.atttypid, a.atttypmod, a.attnotnull, ${identity}, ${generated}, a.attisdropped,
          a.attcollation), E'\\n' order by a.attnum)) as columns,
        pg_catalog.md5(pg_catalog.string_agg(r.hash, ',' order by a.attnum)) as types
      from pg_catalog.pg_attribute a
      join listed l on l.oid = a.attrelid
      left join root_hashes r on r.root = a.atttypid and not a.attisdropped
      where a.attnum > 0
      group by a.attrelid
    ), identities as (
      select x.indrelid, pg_catalog.string_agg(pg_catalog.concat_ws('|', x.indkey::text,
        x.indisvalid, x.indimmediate, x.indisunique), ',' order by x.indkey::text) as text
      from pg_catalog.pg_index x
      join listed l on l.oid = x.indrelid
      where case l.relreplident when 'd' then x.indisprimary when 'i' then x.indisreplident end
      group by x.indrelid
    ), parents as (
      select i.inhrelid, pg_catalog.string_agg(i.inhparent::text, ',' order by i.inhparent) as text
      from pg_catalog.pg_inherits i
      join listed l on l.oid = i.inhrelid
      group by i.inhrelid
    )
    select l.oid, l.nspname as schema, l.relname as name,
      l.relkind::text || l.relpersistence::text as kind,
      coalesce(c.columns, '') as columns, coalesce(c.types, '') as types,
      pg_catalog.concat_ws(' ', l.relreplident, d.text) as identity,
      pg_catalog.md5(pg_catalog.concat_ws('|', p.text, l.bound, ${partitionKey})) as parents
    from listed l
    left join columns c on c.attrelid = l.oid
    left join identities d on d.indrelid = l.oid
    left join parents p on p.inhrelid = l.oid`;
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
