import { notOfExtension, userSchema } from './superuserOnly.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

export const sequencesReadable: DatabaseRule = {
  id: 'sequences-readable',
  type: 'SchemaValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603110'],
  looksAt: "Sequences whose values the source's user may not read.",
  remedy: 'GRANT SELECT on the sequences, or connect as their owner.',
  async check({ source }) {
    const { rows } = await source.query<{ name: string; user: string }>(
      `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
         pg_catalog.quote_ident(current_user) as user
       from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'S' and c.relpersistence <> 't' and ${userSchema('n.nspname')}
         and ${notOfExtension('pg_class', 'c.oid')}
         and not pg_catalog.has_table_privilege(c.oid, 'select')
       order by 1`,
    );
    if (rows.length === 0) return [];
    const user = rows[0]?.user ?? '';
    const message = `${user} may not read the sequences ${someNames(rows.map(({ name }) => name))}.`;
    const statements = rows.map(({ name }) => `grant select on sequence ${name} to ${user}`);
    return [{ message, sql: { on: 'source', statements } }];
  },
};
