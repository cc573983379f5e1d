import { codeOf } from '../errors/migrationError.ts';
import type { PgSession } from '../pg/connect.ts';
import { tableMatcher } from '../pg/copy/tableFilter.ts';
import { COPIED_TABLES_SQL, EXTENSION_CONFIG_SQL, readPartitioning } from '../pg/copy/tables.ts';
import { PLUGIN } from '../pg/source/logicalReadiness.ts';
import { filterOf, someNames } from './rule.ts';
import type { CheckedSpec, DatabaseRule } from './rule.ts';

/**
 * Online, T4: before version 2.6 wal2json writes NaN and the infinities as null. Such a null is read
 * back from the source, and may then be of a later moment.
 */
export const specialNumbers: DatabaseRule = {
  id: 'special-numbers',
  type: 'SchemaValidation',
  severity: { online: 'Warning' },
  looksAt: 'Float and numeric columns, where wal2json is older than 2.6 and writes NaN as null.',
  remedy: 'Install wal2json 2.6 or newer on the source.',
  async check({ spec, source }) {
    const tables = await tablesWithFloats(source, spec);
    if (tables.length === 0) return [];
    const isWritten = await writesSpecialNumbers(source);
    if (isWritten === true) return [];
    const reason =
      isWritten === false
        ? "The source's wal2json writes"
        : "Whether the source's wal2json is older than 2.6 could not be found out; if so, it writes";
    const message =
      `${reason} NaN and infinities as null. A null in a float or numeric column is ` +
      'then read back from the source by key, and until the stream has passed that moment it may be ' +
      `a later value (${someNames(tables)}). Version 2.6 or newer does not need this.`;
    return [{ message }];
  },
};

async function tablesWithFloats(source: PgSession, spec: CheckedSpec): Promise<string[]> {
  const { rows } = await source.query<{ oid: string; schema: string; name: string }>(
    `with recursive floats as (
       select pg_catalog.unnest(array[700, 701, 1700]::oid[]) as oid
       union
       select t.oid from pg_catalog.pg_type t
       join floats f on t.typtype = 'd' and t.typbasetype = f.oid
     )
     select c.oid, n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     left join (${EXTENSION_CONFIG_SQL}) e on e.oid = c.oid
     where ${COPIED_TABLES_SQL} and c.relpersistence = 'p' and exists (
       select from pg_catalog.pg_attribute a
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         and a.atttypid in (select oid from floats))
     order by 2, 3`,
  );
  const matches = tableMatcher(filterOf(spec));
  const ancestorsOf = await readPartitioning(source);
  return rows
    .filter((row) => matches(row, ancestorsOf(Number(row.oid))))
    .map(({ schema, name }) => `${schema}.${name}`);
}

/** The plugin reads its options when decoding begins; undefined where no slot could be made. */
async function writesSpecialNumbers(source: PgSession): Promise<boolean | undefined> {
  const running = await source.query(
    `select from pg_catalog.pg_locks where locktype = 'transactionid' and mode = 'ExclusiveLock'
       and pid is distinct from pg_catalog.pg_backend_pid() limit 1`,
  );
  // A slot waits for running transactions, and others then wait for nothing but this question.
  if (running.rows.length > 0 || source.serverVersion < 100000) return undefined;
  const slot = `pgmove_options_${source.backendPid}`;
  try {
    await source.query("set statement_timeout = '5s'");
    await source.query('select pg_catalog.pg_create_logical_replication_slot($1, $2, true)', [
      slot,
      PLUGIN,
    ]);
  } catch {
    return undefined;
  } finally {
    await source.query('set statement_timeout = 0');
  }
  try {
    await source.query(
      `select from pg_catalog.pg_logical_slot_peek_changes($1, '0/1', 1,
         'numeric-data-types-as-string', 'true')`,
      [slot],
    );
    return true;
  } catch (error) {
    // 22023: option "numeric-data-types-as-string" = "true" is unknown
    return codeOf(error) === '22023' ? false : undefined;
  } finally {
    // An error has taken the temporary slot away already.
    await source.query(
      `select pg_catalog.pg_drop_replication_slot(slot_name)
       from pg_catalog.pg_replication_slots where slot_name = $1`,
      [slot],
    );
  }
}
