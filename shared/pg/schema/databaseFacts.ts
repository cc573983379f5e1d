import type { PgSession } from '../connect.ts';
import type { DatabaseFacts } from './plan.ts';

interface DatabaseRow {
  name: string;
  encoding: string;
  collate: string;
  ctype: string;
  provider: string;
  locale: string | null;
  icuRules: string | null;
  connectionLimit: number;
  comment: string | null;
  owner: string;
  hasAcl: boolean;
  defaultSearchPath: string;
  hasPublicSchema: boolean;
}

/** The columns that hold the locale changed with 15, 16 and 17. */
function localeColumns(serverVersion: number): string {
  if (serverVersion >= 170000) {
    return `d.datlocprovider::text as provider, d.datlocale as locale, d.daticurules as "icuRules"`;
  }
  if (serverVersion >= 160000) {
    return `d.datlocprovider::text as provider, d.daticulocale as locale, d.daticurules as "icuRules"`;
  }
  if (serverVersion >= 150000) {
    return `d.datlocprovider::text as provider, d.daticulocale as locale, null::text as "icuRules"`;
  }
  return `'c' as provider, null::text as locale, null::text as "icuRules"`;
}

const PROVIDERS: Readonly<Record<string, DatabaseFacts['localeProvider']>> = {
  c: 'libc',
  i: 'icu',
  b: 'builtin',
};

/** What the source's database is by itself, apart from what is in it. */
export async function readDatabaseFacts(source: PgSession): Promise<DatabaseFacts> {
  const { rows } = await source.query<DatabaseRow>(
    `select d.datname as name, pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
       d.datcollate as collate, d.datctype as ctype, ${localeColumns(source.serverVersion)},
       d.datconnlimit as "connectionLimit",
       pg_catalog.shobj_description(d.oid, 'pg_database') as comment,
       pg_catalog.pg_get_userbyid(d.datdba) as owner, d.datacl is not null as "hasAcl",
       (select reset_val from pg_catalog.pg_settings where name = 'search_path')
         as "defaultSearchPath",
       exists (select from pg_catalog.pg_namespace where nspname = 'public') as "hasPublicSchema"
     from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('The database is not in its own catalog.');
  const settings = await source.query<{ role: string; setting: string }>(
    `select coalesce(r.rolname, '') as role, c.setting
     from pg_catalog.pg_db_role_setting s
       cross join lateral pg_catalog.unnest(s.setconfig) with ordinality as c (setting, at)
       join pg_catalog.pg_database d on d.oid = s.setdatabase
       left join pg_catalog.pg_roles r on r.oid = s.setrole
     where d.datname = pg_catalog.current_database() and (s.setrole = 0 or r.oid is not null)
     order by 1, c.at`,
  );
  const privileges = await source.query<NonNullable<DatabaseFacts['privileges']>[number]>(
    `select coalesce(g.rolname, '') as grantee, pg_catalog.pg_get_userbyid(a.grantor) as grantor,
       a.privilege_type as privilege, a.is_grantable as "isGrantable"
     from pg_catalog.pg_database d
       cross join lateral rows from (pg_catalog.aclexplode(d.datacl)) with ordinality
         as a (grantor, grantee, privilege_type, is_grantable, at)
       left join pg_catalog.pg_roles g on g.oid = a.grantee
     where d.datname = pg_catalog.current_database()
       and (a.grantee = 0 or g.oid is not null)
     order by a.at`,
  );
  return {
    name: row.name,
    serverVersion: source.serverVersion,
    encoding: row.encoding,
    collate: row.collate,
    ctype: row.ctype,
    localeProvider: PROVIDERS[row.provider] ?? 'libc',
    locale: row.locale ?? undefined,
    icuRules: row.icuRules ?? undefined,
    connectionLimit: row.connectionLimit,
    comment: row.comment ?? undefined,
    owner: row.owner,
    settings: settings.rows,
    privileges: row.hasAcl ? privileges.rows : undefined,
    defaultSearchPath: row.defaultSearchPath,
    hasPublicSchema: row.hasPublicSchema,
  };
}
