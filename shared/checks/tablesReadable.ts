import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Rows of a table that the source's user may not read cannot be copied. */
export const tablesReadable: DatabaseRule = {
  id: 'tables-readable',
  type: 'SchemaValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603110'],
  looksAt: "Tables that the source's user may not read.",
  remedy: 'Grant USAGE on the schema and SELECT on the tables, or connect as their owner.',
  async check({ source }) {
    const { rows } = await source.query<{ name: string; schema: string; user: string }>(
      `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
         pg_catalog.quote_ident(n.nspname) as schema, pg_catalog.quote_ident(current_user) as user
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
      `The source's user may not read ${names}. Grant USAGE on the schema and SELECT on the ` +
      'tables, or connect as their owner.';
    const schemas = [...new Set(rows.map(({ schema }) => schema))];
    const user = rows[0]?.user ?? '';
    const statements = [
      ...schemas.map((schema) => `grant usage on schema ${schema} to ${user}`),
      ...rows.map(({ name }) => `grant select on ${name} to ${user}`),
    ];
    return [{ message, sql: { on: 'source', statements } }];
  },
};
