import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

const KINDS = `case c.relkind when 'i' then 'index' when 'I' then 'index'
  when 'm' then 'materialized view' else 'table' end`;

/** Tablespaces are folders of a server: on the target everything is in the default one. */
export const tablespaces: DatabaseRule = {
  id: 'custom-tablespaces',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt: 'Tables and indexes in tablespaces of their own.',
  remedy:
    'None is needed: they come into the default tablespace. Move them there on the source, or on the target afterwards.',
  async check({ source }) {
    const { rows } = await source.query<{ tablespace: string; name: string; statement: string }>(
      `select t.spcname as tablespace, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
         pg_catalog.format('alter %s %I.%I set tablespace pg_default', ${KINDS}, n.nspname,
           c.relname) as statement
       from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       join pg_catalog.pg_tablespace t on t.oid = c.reltablespace
       where t.spcname not in ('pg_default', 'pg_global') and c.relkind in ('r', 'p', 'i', 'I', 'm')
         and n.nspname !~ '^pg_'
       order by 1, 2`,
    );
    if (rows.length === 0) return [];
    const names = [...new Set(rows.map(({ tablespace }) => tablespace))];
    const message =
      `${rows.length} tables and indexes are in tablespaces (${someNames(names)}), and come into the ` +
      `target's default one: ${someNames(rows.map(({ name }) => name))}.`;
    return [{ message, sql: { on: 'source', statements: rows.map((row) => row.statement) } }];
  },
};
