import { superuserOnly } from './superuserOnly.ts';

/** Grants beyond those that initdb, or an extension, made. */
export const catalogGrants = superuserOnly({
  id: 'catalog-grants',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603410'],
  looksAt:
    'Grants on tables, views and functions of pg_catalog, which only a superuser may repeat.',
  remedy: 'REVOKE them on the source, or have a superuser repeat them on the target.',
  sql: () => `
    with objects as (
      select 'pg_catalog.pg_class'::pg_catalog.regclass as class, c.oid, c.relacl as acl,
        'table' as kind, pg_catalog.format('pg_catalog.%I', c.relname) as name
      from pg_catalog.pg_class c
      where c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace and c.relacl is not null
      union all
      select 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.proacl, 'function',
        p.oid::pg_catalog.regprocedure::text
      from pg_catalog.pg_proc p
      where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.proacl is not null
    )
    select pg_catalog.format('%s on %s to %s', a.privilege_type, o.name,
        coalesce(pg_catalog.quote_ident(r.rolname), 'public')) as name,
      pg_catalog.format('revoke %s on %s %s from %s', a.privilege_type, o.kind, o.name,
        coalesce(pg_catalog.quote_ident(r.rolname), 'public')) as statement
    from objects o
    cross join lateral pg_catalog.aclexplode(o.acl) a
    left join pg_catalog.pg_roles r on r.oid = a.grantee
    left join pg_catalog.pg_init_privs i on i.classoid = o.class and i.objoid = o.oid
      and i.objsubid = 0
    where a.grantee <> a.grantor
      and not exists (
        select from pg_catalog.aclexplode(coalesce(i.initprivs, pg_catalog.acldefault(
          case o.kind when 'table' then 'r' else 'f' end::"char", a.grantor))) d
        where d.grantee = a.grantee and d.privilege_type = a.privilege_type)
    order by 1`,
  message: (names) => `These grants in pg_catalog are not carried: ${names}.`,
});
