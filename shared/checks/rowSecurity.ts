import { EXTENSION_CONFIG_SQL, COPIED_TABLES_SQL } from '../pg/copy/tables.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** T46: policies would hide rows from the copy; our sessions make that an error. */
export const rowSecurity: DatabaseRule = {
  id: 'row-security',
  type: 'SchemaValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603110'],
  looksAt: "Tables whose policies hide rows from the source's user.",
  remedy: "BYPASSRLS for the source's user, or connect as the tables' owner (without FORCE).",
  async check({ source }) {
    const { rows } = await source.query<{ name: string; user: string }>(
      `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
         pg_catalog.quote_ident(current_user) as user
       from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       left join (${EXTENSION_CONFIG_SQL}) e on e.oid = c.oid
       where ${COPIED_TABLES_SQL} and c.relrowsecurity
         and pg_catalog.row_security_active(c.oid)
       order by 1`,
    );
    if (rows.length === 0) return [];
    const names = someNames(rows.map(({ name }) => name));
    const user = rows[0]?.user ?? '';
    const message = `Row security would hide rows of ${names} from ${user}, and the copy refuses that.`;
    return [{ message, sql: { on: 'source', statements: [`alter role ${user} bypassrls`] } }];
  },
};
