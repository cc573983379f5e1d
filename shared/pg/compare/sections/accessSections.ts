import { NO_TABLE, notOfExtension, properties, qualified, userSchema } from './section.ts';
import type { Section } from './section.ts';

interface Owned {
  /** As pg_identify_object would call it. */
  kind: string;
  catalog: string;
  name: string;
  owner: string;
  acl?: string;
  /** The kind of acldefault(); an expression. */
  aclKind?: string;
  from: string;
}

const inSchema = (catalog: string, namespaceColumn: string): string =>
  `pg_catalog.${catalog} o join pg_catalog.pg_namespace n on n.oid = o.${namespaceColumn}
   and ${userSchema('n')} and ${notOfExtension(catalog, 'o.oid')}`;

const global = (catalog: string): string =>
  `pg_catalog.${catalog} o where o.oid >= 16384 and ${notOfExtension(catalog, 'o.oid')}`;

/** Everything that has an owner. */
function owned(lowVersion: number, crossesPublicChange: boolean): Owned[] {
  // Version 15 gave the schema public another owner and fewer rights; a dump does not carry that.
  const schemaFilter = crossesPublicChange ? " and n.nspname <> 'public'" : '';
  return [
    {
      kind: 'schema',
      catalog: 'pg_namespace',
      name: 'pg_catalog.quote_ident(n.nspname)',
      owner: 'n.nspowner',
      acl: 'n.nspacl',
      aclKind: "'n'",
      from: `pg_catalog.pg_namespace n where ${userSchema('n')} and ${notOfExtension('pg_namespace', 'n.oid')}${schemaFilter}`,
    },
    {
      kind: 'relation',
      catalog: 'pg_class',
      name: qualified('n.nspname', 'o.relname'),
      owner: 'o.relowner',
      acl: 'o.relacl',
      aclKind: "(case o.relkind when 'S' then 's' else 'r' end)::\"char\"",
      from: `${inSchema('pg_class', 'relnamespace')} where o.relkind in ('r', 'p', 'f', 'v', 'm', 'S') and o.relpersistence <> 't'`,
    },
    {
      kind: 'function',
      catalog: 'pg_proc',
      name: `${qualified('n.nspname', 'o.proname')} || '(' || pg_catalog.pg_get_function_identity_arguments(o.oid) || ')'`,
      owner: 'o.proowner',
      acl: 'o.proacl',
      aclKind: "'f'",
      // The constructors of a range type come with the type.
      from: `${inSchema('pg_proc', 'pronamespace')} where not exists (select from pg_catalog.pg_depend i
        where i.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and i.objid = o.oid and i.deptype = 'i')`,
    },
    {
      kind: 'type',
      catalog: 'pg_type',
      name: qualified('n.nspname', 'o.typname'),
      owner: 'o.typowner',
      acl: 'o.typacl',
      aclKind: "'T'",
      from: `${inSchema('pg_type', 'typnamespace')} where o.typtype in ('b', 'c', 'd', 'e', 'r') and not (o.typelem <> 0 and o.typlen = -1 and o.typtype = 'b')
        and (o.typrelid = 0 or exists (select from pg_catalog.pg_class c where c.oid = o.typrelid and c.relkind = 'c'))`,
    },
    {
      kind: 'large object',
      catalog: 'pg_largeobject',
      name: 'o.oid::text',
      owner: 'o.lomowner',
      acl: 'o.lomacl',
      aclKind: "'L'",
      from: 'pg_catalog.pg_largeobject_metadata o',
    },
    ...(
      [
        ['operator', 'pg_operator', 'o.oid::pg_catalog.regoperator::text', 'opr'],
        ['operator class', 'pg_opclass', qualified('n.nspname', 'o.opcname'), 'opc'],
        ['operator family', 'pg_opfamily', qualified('n.nspname', 'o.opfname'), 'opf'],
        ['collation', 'pg_collation', qualified('n.nspname', 'o.collname'), 'coll'],
        ['conversion', 'pg_conversion', qualified('n.nspname', 'o.conname'), 'con'],
        ['text search configuration', 'pg_ts_config', qualified('n.nspname', 'o.cfgname'), 'cfg'],
        ['text search dictionary', 'pg_ts_dict', qualified('n.nspname', 'o.dictname'), 'dict'],
        ...(lowVersion >= 100000
          ? ([
              ['statistics', 'pg_statistic_ext', qualified('n.nspname', 'o.stxname'), 'stx'],
            ] as const)
          : []),
      ] as const
    ).map(([kind, catalog, name, prefix]) => ({
      kind,
      catalog,
      name,
      owner: `o.${prefix}owner`,
      from: inSchema(catalog, `${prefix}namespace`),
    })),
    {
      kind: 'event trigger',
      catalog: 'pg_event_trigger',
      name: 'o.evtname::text',
      owner: 'o.evtowner',
      from: global('pg_event_trigger'),
    },
    ...(lowVersion >= 100000
      ? [
          {
            kind: 'publication',
            catalog: 'pg_publication',
            name: 'o.pubname::text',
            owner: 'o.pubowner',
            from: global('pg_publication'),
          },
        ]
      : []),
    {
      kind: 'foreign data wrapper',
      catalog: 'pg_foreign_data_wrapper',
      name: 'o.fdwname::text',
      owner: 'o.fdwowner',
      acl: 'o.fdwacl',
      aclKind: "'F'",
      from: global('pg_foreign_data_wrapper'),
    },
    {
      kind: 'server',
      catalog: 'pg_foreign_server',
      name: 'o.srvname::text',
      owner: 'o.srvowner',
      acl: 'o.srvacl',
      aclKind: "'S'",
      from: global('pg_foreign_server'),
    },
    {
      kind: 'language',
      catalog: 'pg_language',
      name: 'o.lanname::text',
      owner: 'o.lanowner',
      acl: 'o.lanacl',
      aclKind: "'l'",
      from: 'pg_catalog.pg_language o where o.lanispl',
    },
    {
      kind: 'database',
      catalog: 'pg_database',
      name: "''",
      owner: 'o.datdba',
      acl: 'o.datacl',
      aclKind: "'d'",
      from: 'pg_catalog.pg_database o where o.datname = pg_catalog.current_database()',
    },
  ];
}

/**
 * Rights as a sorted list; none written down means the standard ones. The owner is called `owner`,
 * so that another owner is one difference and not many; who granted is left out.
 */
function grants(acl: string, owner: string, lowVersion: number): string {
  return `array(select case x.grantee when 0 then 'public' when ${owner} then 'owner' else coalesce(pg_catalog.quote_ident(a.rolname), x.grantee::text) end
      || ' ' || x.privilege_type || case when x.is_grantable and x.grantee <> ${owner} then ' with grant option' else '' end
    from pg_catalog.aclexplode(${acl}) x left join pg_catalog.pg_roles a on a.oid = x.grantee
    ${lowVersion < 170000 ? "where x.privilege_type <> 'MAINTAIN'" : ''} order by 1)`;
}

const roleName = (oid: string): string =>
  `coalesce((select a.rolname::text from pg_catalog.pg_roles a where a.oid = ${oid}), ${oid}::text)`;

/** Who owns what and who may do what; on another server roles may be missing. */
export const ACCESS_SECTIONS: readonly Section[] = [
  {
    name: 'ownership',
    sql: ({ lowVersion, crossesMajor }) =>
      owned(lowVersion, crossesMajor && lowVersion < 150000)
        .map(
          ({ kind, name, owner, from }) =>
            `select '${kind} ' || ${name} as object, ${NO_TABLE}, ${properties(['owner', roleName(owner)])} from ${from}`,
        )
        .join('\nunion all\n'),
  },
  {
    name: 'privileges',
    sql: ({ lowVersion, crossesMajor }) =>
      [
        ...owned(lowVersion, crossesMajor && lowVersion < 150000).flatMap(
          ({ kind, name, owner, from, acl, aclKind }) =>
            acl === undefined
              ? []
              : [
                  `select '${kind} ' || ${name} as object, ${NO_TABLE}, ${properties([
                    'grants',
                    grants(
                      `coalesce(${acl}, pg_catalog.acldefault(${aclKind}, ${owner}))`,
                      owner,
                      lowVersion,
                    ),
                  ])} from ${from}`,
                ],
        ),
        `select 'column ' || ${qualified('n.nspname', 'o.relname')} || '.' || pg_catalog.quote_ident(a.attname), ${NO_TABLE}, ${properties(
          ['grants', grants('a.attacl', 'o.relowner', lowVersion)],
        )} from ${inSchema('pg_class', 'relnamespace')} join pg_catalog.pg_attribute a on a.attrelid = o.oid and a.attacl is not null and not a.attisdropped
        and a.attacl <> '{}'`,
      ].join('\nunion all\n'),
  },
  {
    name: 'default privileges',
    sql: ({ lowVersion }) => `
      select pg_catalog.format('%s for %s%s', d.defaclobjtype, ${roleName('d.defaclrole')},
          case when d.defaclnamespace <> 0 then ' in ' || d.defaclnamespace::pg_catalog.regnamespace::text else '' end) as object,
        ${NO_TABLE}, ${properties(['grants', grants('d.defaclacl', 'd.defaclrole', lowVersion)])}
      from pg_catalog.pg_default_acl d`,
  },
  {
    name: 'comments',
    sql: () => `
      select i.type || ' ' || i.identity as object, ${NO_TABLE}, ${properties(['comment', 'd.description'])}
      from pg_catalog.pg_description d,
        pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i
      where (d.objoid >= 16384 or d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass
          or (d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objoid = 2200))
        and d.classoid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
        and not exists (select from pg_catalog.pg_depend e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')
        and (i.schema is null or i.schema not in ('pgmove', 'information_schema') and i.schema !~ '^pg_')
        and i.identity is not null and i.identity <> 'pgmove'
      union all
      select 'database', ${NO_TABLE}, ${properties(['comment', 's.description'])}
      from pg_catalog.pg_shdescription s join pg_catalog.pg_database b on b.oid = s.objoid
      where s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass and b.datname = pg_catalog.current_database()
      union all
      select 'security label of ' || l.objtype || ' ' || l.objname, ${NO_TABLE}, ${properties(['label', "l.provider || ' ' || l.label"])}
      from pg_catalog.pg_seclabels l where l.objtype <> 'role'`,
  },
  {
    name: 'database settings',
    sql: () => `
      select 'database' as object, ${NO_TABLE}, ${properties(
        ['connection limit', 'd.datconnlimit'],
        ['encoding', 'pg_catalog.pg_encoding_to_char(d.encoding)'],
        ['collation', 'd.datcollate::text'],
        ['character type', 'd.datctype::text'],
        ['allows connections', 'd.datallowconn'],
        ['template', 'd.datistemplate'],
      )} from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()
      union all
      select pg_catalog.split_part(c, '=', 1) || case when s.setrole <> 0 then ' of ' || ${roleName('s.setrole')} else '' end,
        ${NO_TABLE}, ${properties(['value', "pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)"])}
      from pg_catalog.pg_db_role_setting s join pg_catalog.pg_database d on d.oid = s.setdatabase,
        pg_catalog.unnest(s.setconfig) c
      where d.datname = pg_catalog.current_database()`,
  },
];
