import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Rows of a table that the source's user may not read cannot be copied. */
export const tablesReadable: DatabaseRule = {
  id: 'tables-readable',
  type: 'SchemaValidation',
  async check({ source }) {
    const { rows } = await source.query<{ name: string }>(
      `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
       from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and c.relpersistence <> 't'
         and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         and not (pg_catalog.has_table_privilege(c.oid, 'select')
           and pg_catalog.has_schema_privilege(n.oid, 'usage'))
       order by 1`,
    );
    if (rows.length === 0) return [];
    const names = someNames(rows.map(({ name }) => name));
    const message =
      `tables-readable (603110): the source's user may not read ${names}. Grant USAGE on the ` +
      'schema and SELECT on the tables, or connect as their owner.';
    return [{ state: 'Failed', message }];
  },
};
