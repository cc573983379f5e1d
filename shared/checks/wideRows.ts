import pg from 'pg';
import { codeOf } from '../errors/migrationError.ts';
import type { PgSession } from '../pg/connect.ts';
import { tableMatcher } from '../pg/copy/tableFilter.ts';
import {
  COPIED_TABLES_SQL,
  EXTENSION_CONFIG_SQL,
  qualifiedSql,
  readPartitioning,
} from '../pg/copy/tables.ts';
import { filterOf, someNames } from './rule.ts';
import type { CheckedSpec, DatabaseRule } from './rule.ts';

/** A message of wal2json is one string of the server, which ends at a gigabyte. */
const MESSAGE_LIMIT_BYTES = 1024 ** 3;

/** Compressed by more than this nothing is: a smaller TOAST table holds no row that is too wide. */
const TOAST_AT_LEAST_BYTES = 1024 ** 2;

const TABLE_TIMEOUT_MS = 5_000;
const ALL_TABLES_MS = 30_000;

interface WideTable {
  oid: string;
  schema: string;
  name: string;
  isFull: boolean;
  columns: { name: string; kind: 'bytes' | 'text' | 'other' }[];
}

/** Online, T9: a change of a row whose JSON is longer than a gigabyte stops the stream for good. */
export const wideRows: DatabaseRule = {
  id: 'wide-rows',
  type: 'SchemaValidation',
  severity: { online: 'Failed' },
  looksAt: 'Rows whose JSON in the change stream would be longer than a gigabyte.',
  remedy: 'Migrate the database offline, or leave the tables out (excludeTables).',
  async check({ spec, source }) {
    const until = Date.now() + ALL_TABLES_MS;
    const [tooWide, wide, unmeasured]: [string[], string[], string[]] = [[], [], []];
    for (const table of await candidates(source, spec)) {
      const name = `${table.schema}.${table.name}`;
      const bytes = Date.now() < until ? await widest(source, table) : undefined;
      if (bytes === undefined) unmeasured.push(name);
      else if (bytes > MESSAGE_LIMIT_BYTES) tooWide.push(name);
      else if (bytes > MESSAGE_LIMIT_BYTES / 2) wide.push(name);
    }
    return [
      ...finding(
        'Failed',
        tooWide,
        'have rows whose changes are longer than 1 GB as JSON, which stops the stream. Migrate offline, or leave them out (excludeTables)',
      ),
      ...finding(
        'Warning',
        wide,
        'have rows whose changes come near to 1 GB as JSON, more than which stops the stream',
      ),
      ...finding(
        'Warning',
        unmeasured,
        'were not measured within the time of the validation; a row whose JSON is longer than 1 GB would stop the stream',
      ),
    ];
  },
};

function finding(state: 'Failed' | 'Warning', names: readonly string[], what: string) {
  if (names.length === 0) return [];
  return [{ state, message: `${someNames(names)} ${what}.` }];
}

async function candidates(source: PgSession, spec: CheckedSpec): Promise<WideTable[]> {
  const { rows } = await source.query<WideTable & { toast_bytes: string | null }>(
    `select c.oid, n.nspname as schema, c.relname as name, c.relreplident = 'f' as "isFull",
       pg_catalog.pg_relation_size(c.reltoastrelid) as toast_bytes,
       (select pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'kind',
           case when a.atttypid = 17 then 'bytes'
             when a.atttypid in (25, 1042, 1043, 142) then 'text' else 'other' end)
         order by a.attnum)
        from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attlen = -1
       ) as columns
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     left join (${EXTENSION_CONFIG_SQL}) e on e.oid = c.oid
     where ${COPIED_TABLES_SQL} and c.relpersistence = 'p' and c.reltoastrelid <> 0
     order by 2, 3`,
  );
  const matches = tableMatcher(filterOf(spec));
  const ancestorsOf = await readPartitioning(source);
  return rows.filter(
    (row) =>
      Number(row.toast_bytes ?? 0) >= TOAST_AT_LEAST_BYTES &&
      row.columns !== null &&
      matches(row, ancestorsOf(Number(row.oid))),
  );
}

/**
 * The longest row's JSON, from below: lengths stand in the row itself, so that no value is fetched
 * or unpacked. Hexadecimal doubles bytea; FULL sends the row before as well. Undefined: no answer in
 * time, or no right to read.
 */
async function widest(source: PgSession, table: WideTable): Promise<number | undefined> {
  const lengths = table.columns.map(({ name, kind }) => {
    const column = pg.escapeIdentifier(name);
    if (kind === 'other') return `coalesce(pg_catalog.pg_column_size(${column}), 0)::int8`;
    const length = `coalesce(pg_catalog.octet_length(${column}), 0)::int8`;
    return kind === 'bytes' ? `2 * ${length}` : length;
  });
  try {
    await source.query(`set statement_timeout = ${TABLE_TIMEOUT_MS}`);
    const { rows } = await source.query<{ bytes: string | null }>(
      `select max(${lengths.join(' + ')}) as bytes from only ${qualifiedSql(table)}`,
    );
    return Number(rows[0]?.bytes ?? 0) * (table.isFull ? 2 : 1);
  } catch (error) {
    if (codeOf(error) === '57014' || codeOf(error) === '42501') return undefined;
    throw error;
  } finally {
    await source.query('set statement_timeout = 0');
  }
}
