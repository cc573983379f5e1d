import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Foreign tables are carried without rows; what they point to must be reached from the target. */
export const foreignServers: DatabaseRule = {
  id: 'foreign-servers',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt: 'Foreign servers: they are carried as they are, and the target has to reach them.',
  remedy:
    'Open the network from the target to them, or ALTER SERVER there; drop those that nobody uses.',
  async check({ source }) {
    const { rows } = await source.query<{ name: string; address: string; statement: string }>(
      `select pg_catalog.quote_ident(s.srvname) as name,
         coalesce(pg_catalog.array_to_string(array(
           select o from pg_catalog.unnest(s.srvoptions) o where o ~ '^(host|port|dbname|filename)='
         ), ' '), '') as address,
         pg_catalog.format('drop server %I cascade', s.srvname) as statement
       from pg_catalog.pg_foreign_server s order by 1`,
    );
    if (rows.length === 0) return [];
    const names = rows.map(({ name, address }) => (address === '' ? name : `${name} (${address})`));
    const unread = await source.query<{ name: string }>(
      `select pg_catalog.format('%s on %I', m.usename, m.srvname) as name
       from pg_catalog.pg_user_mappings m
       where m.umoptions is null and not pg_catalog.pg_has_role(current_user, (
         select s.srvowner from pg_catalog.pg_foreign_server s where s.oid = m.srvid), 'usage')
       order by 1`,
    );
    const hidden =
      unread.rows.length === 0
        ? ''
        : ` Passwords of user mappings that the source's user may not read are not carried: ` +
          `${someNames(unread.rows.map(({ name }) => name))}.`;
    const message =
      `Foreign servers are carried with the addresses that they have: ${someNames(names)}. Make sure ` +
      `that the target reaches them.${hidden} Those that nobody uses can be dropped.`;
    return [{ message, sql: { on: 'source', statements: rows.map((row) => row.statement) } }];
  },
};
