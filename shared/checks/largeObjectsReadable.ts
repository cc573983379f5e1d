import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

export const largeObjectsReadable: DatabaseRule = {
  id: 'large-objects-readable',
  type: 'SchemaValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603110'],
  looksAt: "Large objects that the source's user may not read.",
  remedy: 'GRANT SELECT ON LARGE OBJECT, or connect as their owner.',
  async check({ source }) {
    const { rows } = await source.query<{ oid: string; user: string; count: string }>(
      `select l.oid::text, pg_catalog.quote_ident(current_user) as user,
         count(*) over ()::text as count
       from pg_catalog.pg_largeobject_metadata l
       where pg_catalog.current_setting('lo_compat_privileges') = 'off'
         and not pg_catalog.pg_has_role(l.lomowner, 'usage')
         and not exists (
           select from pg_catalog.aclexplode(l.lomacl) a
           where a.privilege_type = 'SELECT'
             and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'usage')))
       order by l.oid limit 100`,
    );
    const [first] = rows;
    if (first === undefined) return [];
    const { user, count } = first;
    const message = `${user} may not read ${count} large objects (${someNames(rows.map(({ oid }) => oid))}).`;
    // One statement for any number; it is run by their owner or a superuser.
    const statements = [
      'do $$ declare o oid; begin for o in select oid from pg_largeobject_metadata loop ' +
        `execute 'grant select on large object ' || o || ' to ${user.replaceAll("'", "''")}'; ` +
        'end loop; end $$',
    ];
    return [{ message, sql: { on: 'source', statements } }];
  },
};
