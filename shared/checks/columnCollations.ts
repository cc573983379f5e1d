import { notOfExtension, userSchema } from './superuserOnly.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Collations of pg_catalog come with the server (its locales, its ICU): they are not dumped. */
export const columnCollations: DatabaseRule = {
  id: 'column-collations',
  type: 'CollationsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603402'],
  looksAt: 'Columns with a collation of the server that the target does not have.',
  remedy: 'Install the locale on the target and import it, or give the columns another collation.',
  async check({ source, target }) {
    const used = await source.query<{ collation: string; column: string; statement: string }>(
      `select l.collname as collation,
         pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname) as column,
         pg_catalog.format('alter table %I.%I alter column %I type %s collate "default"', n.nspname,
           c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) as statement
       from pg_catalog.pg_attribute a
       join pg_catalog.pg_class c on c.oid = a.attrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       join pg_catalog.pg_collation l on l.oid = a.attcollation
       where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f')
         and not coalesce(a.attinhcount > 0 and not a.attislocal, false)
         and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
         and l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace
         and l.collname not in ('default', 'C', 'POSIX', 'ucs_basic')
       order by 1, 2`,
    );
    if (used.rows.length === 0) return [];
    const known = await target.query<{ name: string }>(
      `select collname as name from pg_catalog.pg_collation
       where collnamespace = 'pg_catalog'::pg_catalog.regnamespace and collname = any ($1)`,
      [[...new Set(used.rows.map(({ collation }) => collation))]],
    );
    const names = new Set(known.rows.map(({ name }) => name));
    const missing = used.rows.filter(({ collation }) => !names.has(collation));
    if (missing.length === 0) return [];
    const collations = [...new Set(missing.map(({ collation }) => collation))];
    const message =
      `The target does not have the collations ${someNames(collations)}, of the columns ` +
      `${someNames(missing.map(({ column }) => column))}. Install their locales there ` +
      "(pg_import_system_collations('pg_catalog')), or use others here.";
    return [{ message, sql: { on: 'source', statements: missing.map((row) => row.statement) } }];
  },
};
