import { notOfExtension, properties, qualified, userSchema } from './section.ts';
import type { Section } from './section.ts';

const TABLE = 'n.nspname as table_schema, c.relname as table_name';
const TABLE_NAME = qualified('n.nspname', 'c.relname');

function relations(kinds: string): string {
  return `pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    and ${userSchema('n')} and c.relpersistence <> 't' and c.relkind in (${kinds})
    and ${notOfExtension('pg_class', 'c.oid')}`;
}

const sortedOptions = (array: string): string =>
  `array(select o from pg_catalog.unnest(${array}) o order by o)`;

/** Tables and all that belongs to one. */
export const TABLE_SECTIONS: readonly Section[] = [
  {
    name: 'tables',
    definitions: ['partition key', 'partition bound'],
    sql: ({ version, lowVersion }) => `
      select ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['kind', 'c.relkind'],
        ['persistence', 'c.relpersistence'],
        ['replica identity', 'c.relreplident'],
        ['storage options', sortedOptions('c.reloptions')],
        [
          'toast options',
          `coalesce((select ${sortedOptions('t.reloptions')} from pg_catalog.pg_class t where t.oid = c.reltoastrelid), '{}')`,
        ],
        [
          'of type',
          'case when c.reloftype <> 0 then pg_catalog.format_type(c.reloftype, null) end',
        ],
        [
          'parents',
          `array(select i.inhparent::pg_catalog.regclass::text from pg_catalog.pg_inherits i where i.inhrelid = c.oid order by i.inhseqno)`,
        ],
        lowVersion >= 100000 && ['partition key', 'pg_catalog.pg_get_partkeydef(c.oid)'],
        lowVersion >= 100000 && [
          'partition bound',
          'pg_catalog.pg_get_expr(c.relpartbound, c.oid)',
        ],
        lowVersion >= 120000 && [
          'access method',
          "(select a.amname from pg_catalog.pg_am a where a.oid = c.relam and c.relkind <> 'p')",
        ],
        [
          'foreign server',
          '(select s.srvname from pg_catalog.pg_foreign_table f join pg_catalog.pg_foreign_server s on s.oid = f.ftserver where f.ftrelid = c.oid)',
        ],
        [
          'foreign options',
          `(select ${sortedOptions('f.ftoptions')} from pg_catalog.pg_foreign_table f where f.ftrelid = c.oid)`,
        ],
        [
          'disabled constraint triggers',
          `(select pg_catalog.count(*) from pg_catalog.pg_trigger t where t.tgrelid = c.oid and t.tgisinternal and t.tgenabled = 'D')`,
        ],
      )} from ${relations(version >= 100000 ? "'r', 'p', 'f'" : "'r', 'f'")}`,
  },
  {
    name: 'columns',
    definitions: ['default'],
    sql: ({ lowVersion }) => `
      select ${TABLE_NAME} || '.' || pg_catalog.quote_ident(a.attname) as object, ${TABLE}, ${properties(
        // Dropped columns leave gaps in attnum that a new table does not have.
        ['position', 'pg_catalog.row_number() over (partition by a.attrelid order by a.attnum)'],
        ['type', 'pg_catalog.format_type(a.atttypid, a.atttypmod)'],
        ['not null', 'a.attnotnull'],
        ['default', 'pg_catalog.pg_get_expr(d.adbin, d.adrelid)'],
        [
          'collation',
          // Names have a collation from 12 on.
          `(select co.collnamespace::pg_catalog.regnamespace::text || '.' || co.collname from pg_catalog.pg_collation co where co.oid = a.attcollation${lowVersion < 120000 ? ' and a.atttypid not in (19, 1003)' : ''})`,
        ],
        ['storage', 'a.attstorage'],
        ['statistics target', 'coalesce(a.attstattarget, -1)'],
        ['options', sortedOptions('a.attoptions')],
        ['foreign options', sortedOptions('a.attfdwoptions')],
        ['is local', 'a.attislocal'],
        lowVersion >= 100000 && ['identity', 'a.attidentity'],
        lowVersion >= 120000 && ['generated', 'a.attgenerated'],
        lowVersion >= 140000 && ['compression', 'a.attcompression'],
      )}
      from ${relations("'r', 'p', 'f', 'v', 'm'")}
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum`,
  },
  {
    name: 'indexes',
    definitions: ['definition'],
    sql: () => `
      select ${qualified('n.nspname', 'x.relname')} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_indexdef(i.indexrelid)'],
        ['valid', 'i.indisvalid'],
        ['ready', 'i.indisready'],
        ['clustered', 'i.indisclustered'],
        ['replica identity', 'i.indisreplident'],
        [
          'parent',
          '(select h.inhparent::pg_catalog.regclass::text from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid)',
        ],
        [
          'statistics targets',
          'array(select coalesce(a.attstattarget, -1) from pg_catalog.pg_attribute a where a.attrelid = i.indexrelid order by a.attnum)',
        ],
      )} from ${relations("'r', 'p', 'm'")}
      join pg_catalog.pg_index i on i.indrelid = c.oid
      join pg_catalog.pg_class x on x.oid = i.indexrelid`,
  },
  {
    name: 'constraints',
    definitions: ['definition'],
    sql: ({ version, lowVersion }) => `
      select pg_catalog.quote_ident(k.conname) || ' on ' || ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_constraintdef(k.oid)'],
        ['validated', 'k.convalidated'],
        ['deferrable', 'k.condeferrable'],
        ['deferred', 'k.condeferred'],
        ['is local', "k.conislocal or k.contype <> 'c'"],
        lowVersion >= 180000 && ['enforced', 'k.conenforced'],
      )} from ${relations("'r', 'p', 'f'")}
      join pg_catalog.pg_constraint k on k.conrelid = c.oid
      -- Not-null constraints have rows from 18 on; before, the column says it. The copies of a
      -- foreign key on partitions have names that the server chooses.
      where k.contype in ('c', 'f', 'p', 'u', 'x', 't'${lowVersion >= 180000 ? ", 'n'" : ''})
      ${version >= 110000 ? "and not (k.contype = 'f' and k.conparentid <> 0)" : ''}`,
  },
  {
    name: 'triggers',
    definitions: ['definition'],
    sql: ({ version, lowVersion }) => `
      select pg_catalog.quote_ident(t.tgname) || ' on ' || ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_triggerdef(t.oid)'],
        ['enabled', 't.tgenabled'],
      )} from ${relations("'r', 'p', 'f', 'v'")}
      join pg_catalog.pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
      ${version >= 130000 && lowVersion < 130000 ? 'where t.tgparentid = 0' : ''}`,
  },
  {
    name: 'rules',
    definitions: ['definition'],
    sql: () => `
      select pg_catalog.quote_ident(r.rulename) || ' on ' || ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_ruledef(r.oid)'],
        ['enabled', 'r.ev_enabled'],
      )} from ${relations("'r', 'p', 'f', 'v', 'm'")}
      join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.rulename <> '_RETURN'`,
  },
  {
    name: 'row security',
    definitions: ['using', 'with check'],
    sql: ({ lowVersion }) => `
      select ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['enabled', 'c.relrowsecurity'],
        ['forced', 'c.relforcerowsecurity'],
      )} from ${relations("'r', 'p'")} where c.relrowsecurity or c.relforcerowsecurity
      union all
      select pg_catalog.quote_ident(p.polname) || ' on ' || ${TABLE_NAME}, ${TABLE}, ${properties(
        ['command', 'p.polcmd'],
        lowVersion >= 100000 && ['permissive', 'p.polpermissive'],
        [
          'roles',
          "array(select coalesce(a.rolname, 'public') from pg_catalog.unnest(p.polroles) o(oid) left join pg_catalog.pg_roles a on a.oid = o.oid order by 1)",
        ],
        ['using', 'pg_catalog.pg_get_expr(p.polqual, p.polrelid)'],
        ['with check', 'pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)'],
      )} from ${relations("'r', 'p'")} join pg_catalog.pg_policy p on p.polrelid = c.oid`,
  },
  {
    name: 'extended statistics',
    definitions: ['definition'],
    sql: ({ lowVersion }) =>
      lowVersion < 100000
        ? undefined
        : `
      select ${qualified('s.stxnamespace::pg_catalog.regnamespace::text', 's.stxname')} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_statisticsobjdef(s.oid)'],
        lowVersion >= 130000 && ['target', 'coalesce(s.stxstattarget, -1)'],
      )} from ${relations("'r', 'p', 'f', 'm'")} join pg_catalog.pg_statistic_ext s on s.stxrelid = c.oid`,
  },
  {
    name: 'views',
    definitions: ['definition'],
    sql: () => `
      select ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_viewdef(c.oid)'],
        ['options', sortedOptions('c.reloptions')],
      )} from ${relations("'v'")}`,
  },
  {
    name: 'materialized views',
    definitions: ['definition'],
    sql: () => `
      select ${TABLE_NAME} as object, ${TABLE}, ${properties(
        ['definition', 'pg_catalog.pg_get_viewdef(c.oid)'],
        ['populated', 'c.relispopulated'],
        ['options', sortedOptions('c.reloptions')],
      )} from ${relations("'m'")}`,
  },
];
