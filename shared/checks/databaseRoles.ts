import type { PgSession } from '../pg/connect.ts';

/** A role that something of the database refers to. */
export interface RoleUse {
  role: string;
  isOwner: boolean;
}

/**
 * Roles that own, were granted or are named by something of the database, by pg_shdepend, and of the
 * database itself. Predefined roles are on every server, those of extensions' objects too.
 */
export async function readRoleUses(source: PgSession): Promise<RoleUse[]> {
  const { rows } = await source.query<RoleUse>(
    `with used as (
       -- Owners of what initdb made are pinned, and stand in no dependency.
       select s.refobjid as role, s.deptype = 'o' as is_owner
       from pg_catalog.pg_shdepend s join pg_catalog.pg_database d on d.oid = s.dbid
       where d.datname = pg_catalog.current_database()
         and s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
         and not exists (
           select from pg_catalog.pg_depend x
           where x.classid = s.classid and x.objid = s.objid and x.deptype = 'e')
       union
       select c.relowner, true from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
         and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
         and not exists (
           select from pg_catalog.pg_depend x
           where x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and x.objid = c.oid
             and x.deptype = 'e')
       union
       select datdba, true from pg_catalog.pg_database
       where datname = pg_catalog.current_database()
       union
       select a.grantee, false from pg_catalog.pg_database d,
         lateral pg_catalog.aclexplode(d.datacl) a
       where d.datname = pg_catalog.current_database()
       union
       select s.setrole, false from pg_catalog.pg_db_role_setting s
       join pg_catalog.pg_database d on d.oid = s.setdatabase
       where d.datname = pg_catalog.current_database()
     )
     select r.rolname as role, bool_or(u.is_owner) as "isOwner"
     from used u join pg_catalog.pg_roles r on r.oid = u.role
     where r.rolname !~ '^pg_'
     group by 1 order by 1`,
  );
  return rows;
}
