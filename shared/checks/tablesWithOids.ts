import { userSchema } from './superuserOnly.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Gone since 12. */
export const tablesWithOids: DatabaseRule = {
  id: 'tables-with-oids',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603404'],
  looksAt: 'Tables WITH OIDS (before 12): their hidden column oid is not carried.',
  remedy: 'SET WITHOUT OIDS, after copying the values that are needed to a column.',
  async check({ source }) {
    if (source.serverVersion >= 120000) return [];
    const { rows } = await source.query<{ name: string }>(
      `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relhasoids and c.relkind in ('r', 'p') and ${userSchema('n.nspname')} order by 1`,
    );
    if (rows.length === 0) return [];
    const names = rows.map(({ name }) => name);
    const message =
      `These tables are WITH OIDS; their column oid does not reach the target: ${someNames(names)}. ` +
      'Copy its values to a column of the table if something refers to them, then:';
    const statements = names.map((name) => `alter table ${name} set without oids`);
    return [{ message, sql: { on: 'source', statements } }];
  },
};
