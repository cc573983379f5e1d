import { NO_TABLE, notOfExtension, properties, qualified, userSchema } from './section.ts';
import type { Section } from './section.ts';

const sortedOptions = (array: string): string =>
  `array(select o from pg_catalog.unnest(${array}) o order by o)`;

const type = (oid: string): string => `pg_catalog.format_type(${oid}, null)`;
const proc = (oid: string): string => `nullif(${oid}::oid, 0)::pg_catalog.regproc::text`;

function inSchema(catalog: string, alias: string, namespaceColumn: string): string {
  return `pg_catalog.${catalog} ${alias} join pg_catalog.pg_namespace n on n.oid = ${alias}.${namespaceColumn}
    and ${userSchema('n')} and ${notOfExtension(catalog, `${alias}.oid`)}`;
}

const functionName = (alias: string): string =>
  `${qualified('n.nspname', `${alias}.proname`)} || '(' || pg_catalog.pg_get_function_identity_arguments(${alias}.oid) || ')'`;

/** Objects of the database that do not belong to one table. */
export const OBJECT_SECTIONS: readonly Section[] = [
  {
    name: 'schemas',
    sql: () => `
      select pg_catalog.quote_ident(n.nspname) as object, ${NO_TABLE}, '{}'::jsonb as properties
      from pg_catalog.pg_namespace n
      where ${userSchema('n')} and ${notOfExtension('pg_namespace', 'n.oid')}`,
  },
  {
    name: 'extensions',
    noted: ['version'],
    sql: () => `
      select pg_catalog.quote_ident(e.extname) as object, ${NO_TABLE}, ${properties(
        ['schema', 'e.extnamespace::pg_catalog.regnamespace::text'],
        ['version', 'e.extversion'],
      )} from pg_catalog.pg_extension e`,
  },
  {
    name: 'types',
    definitions: ['constraints', 'default'],
    sql: () => `
      select ${qualified('n.nspname', 't.typname')} as object, ${NO_TABLE}, ${properties(
        ['kind', 't.typtype'],
        [
          'base type',
          "case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end",
        ],
        ['not null', 't.typnotnull'],
        ['default', 't.typdefault'],
        [
          'collation',
          "case when t.typtype = 'd' then (select co.collname from pg_catalog.pg_collation co where co.oid = t.typcollation) end",
        ],
        [
          'constraints',
          `(select pg_catalog.string_agg(k.conname || ' ' || pg_catalog.pg_get_constraintdef(k.oid) || k.convalidated::text, '; ' order by k.conname)
            from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype = 'c')`,
        ],
        [
          'labels',
          'array(select e.enumlabel from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder)',
        ],
        [
          'attributes',
          `array(select pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
              || coalesce((select ' ' || co.collname from pg_catalog.pg_collation co where co.oid = a.attcollation), '')
            from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and t.typrelid <> 0
              and a.attnum > 0 and not a.attisdropped order by a.attnum)`,
        ],
        [
          'range',
          `(select pg_catalog.format('%s %s %s %s', ${type('r.rngsubtype')}, (select opcname from pg_catalog.pg_opclass where oid = r.rngsubopc),
              ${proc('r.rngcanonical')}, ${proc('r.rngsubdiff')}) from pg_catalog.pg_range r where r.rngtypid = t.oid)`,
        ],
        [
          'functions',
          "case when t.typtype = 'b' then pg_catalog.format('%s %s %s %s %s %s', t.typinput::text, t.typoutput::text, t.typlen, t.typbyval, t.typalign, t.typstorage) end",
        ],
      )} from ${inSchema('pg_type', 't', 'typnamespace')}
      where t.typtype in ('b', 'c', 'd', 'e', 'r') and not (t.typelem <> 0 and t.typlen = -1 and t.typtype = 'b')
        and (t.typrelid = 0 or exists (select from pg_catalog.pg_class c where c.oid = t.typrelid and c.relkind = 'c'))`,
  },
  {
    name: 'functions',
    definitions: ['arguments', 'sql body'],
    sql: ({ version, lowVersion }) => `
      select ${functionName('p')} as object, ${NO_TABLE}, ${properties(
        ['kind', version >= 110000 ? 'p.prokind' : "case when p.proiswindow then 'w' else 'f' end"],
        ['arguments', 'pg_catalog.pg_get_function_arguments(p.oid)'],
        ['result', 'pg_catalog.pg_get_function_result(p.oid)'],
        ['language', 'l.lanname'],
        ['source', 'p.prosrc'],
        // The folder of a library may be another one on the other server.
        ['library', "pg_catalog.regexp_replace(p.probin, '^.*/', '')"],
        ['volatility', 'p.provolatile'],
        ['strict', 'p.proisstrict'],
        ['security definer', 'p.prosecdef'],
        ['leakproof', 'p.proleakproof'],
        lowVersion >= 90600 && ['parallel', 'p.proparallel'],
        ['cost', 'p.procost'],
        ['rows', 'p.prorows'],
        ['settings', sortedOptions('p.proconfig')],
        lowVersion >= 140000 && ['sql body', 'pg_catalog.pg_get_function_sqlbody(p.oid)'],
      )} from ${inSchema('pg_proc', 'p', 'pronamespace')}
      join pg_catalog.pg_language l on l.oid = p.prolang
      where ${version >= 110000 ? "p.prokind <> 'a'" : 'not p.proisagg'}
        -- The constructors of a range type come with the type.
        and not exists (select from pg_catalog.pg_depend i where i.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
          and i.objid = p.oid and i.deptype = 'i')`,
  },
  {
    name: 'aggregates',
    sql: ({ lowVersion }) => `
      select ${functionName('p')} as object, ${NO_TABLE}, ${properties(
        ['kind', 'a.aggkind'],
        ['direct arguments', 'a.aggnumdirectargs'],
        ['state function', 'a.aggtransfn::text'],
        ['state type', type('a.aggtranstype')],
        ['final function', proc('a.aggfinalfn')],
        ['final extra', 'a.aggfinalextra'],
        ['initial value', 'a.agginitval'],
        [
          'moving',
          `pg_catalog.format('%s %s %s %s %s', ${proc('a.aggmtransfn')}, ${proc('a.aggminvtransfn')}, ${proc('a.aggmfinalfn')}, ${type('nullif(a.aggmtranstype, 0)')}, a.aggminitval)`,
        ],
        ['sort operator', 'nullif(a.aggsortop, 0)::pg_catalog.regoperator::text'],
        lowVersion >= 90600 && ['combine function', proc('a.aggcombinefn')],
        lowVersion >= 90600 && ['parallel', 'p.proparallel'],
      )} from ${inSchema('pg_proc', 'p', 'pronamespace')}
      join pg_catalog.pg_aggregate a on a.aggfnoid = p.oid`,
  },
  {
    name: 'operators',
    sql: () => `
      select o.oid::pg_catalog.regoperator::text as object, ${NO_TABLE}, ${properties(
        ['function', proc('o.oprcode')],
        ['result', type('o.oprresult')],
        ['commutator', 'nullif(o.oprcom, 0)::pg_catalog.regoperator::text'],
        ['negator', 'nullif(o.oprnegate, 0)::pg_catalog.regoperator::text'],
        ['restrict', proc('o.oprrest')],
        ['join', proc('o.oprjoin')],
        ['merges', 'o.oprcanmerge'],
        ['hashes', 'o.oprcanhash'],
      )} from ${inSchema('pg_operator', 'o', 'oprnamespace')}
      union all
      select 'operator class ' || ${qualified('n.nspname', 'c.opcname')} || ' using ' || m.amname, ${NO_TABLE}, ${properties(
        ['type', type('c.opcintype')],
        ['default', 'c.opcdefault'],
        ['key type', type('nullif(c.opckeytype, 0)')],
        ['family', 'f.opfname'],
      )} from ${inSchema('pg_opclass', 'c', 'opcnamespace')}
      join pg_catalog.pg_am m on m.oid = c.opcmethod
      join pg_catalog.pg_opfamily f on f.oid = c.opcfamily
      union all
      select 'operator family ' || ${qualified('n.nspname', 'f.opfname')} || ' using ' || m.amname, ${NO_TABLE}, ${properties(
        [
          'operators',
          `array(select a.amopstrategy || ' ' || a.amopopr::pg_catalog.regoperator::text from pg_catalog.pg_amop a where a.amopfamily = f.oid order by 1)`,
        ],
        [
          'functions',
          `array(select a.amprocnum || ' ' || a.amproc::pg_catalog.regprocedure::text || ' ' || ${type('a.amproclefttype')} || ' ' || ${type('a.amprocrighttype')}
            from pg_catalog.pg_amproc a where a.amprocfamily = f.oid order by 1)`,
        ],
      )} from ${inSchema('pg_opfamily', 'f', 'opfnamespace')}
      join pg_catalog.pg_am m on m.oid = f.opfmethod`,
  },
  {
    name: 'casts',
    sql: () => `
      select ${type('c.castsource')} || ' as ' || ${type('c.casttarget')} as object, ${NO_TABLE}, ${properties(
        ['function', 'nullif(c.castfunc, 0)::pg_catalog.regprocedure::text'],
        ['context', 'c.castcontext'],
        ['method', 'c.castmethod'],
      )} from pg_catalog.pg_cast c where c.oid >= 16384
        -- That of a range type to its multirange comes with the type.
        and not exists (select from pg_catalog.pg_depend i where i.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass
          and i.objid = c.oid and i.deptype = 'i') and ${notOfExtension('pg_cast', 'c.oid')}`,
  },
  {
    name: 'collations',
    sql: ({ version, lowVersion }) => `
      select ${qualified('n.nspname', 'c.collname')} as object, ${NO_TABLE}, ${properties(
        lowVersion >= 100000 && ['provider', 'c.collprovider'],
        [
          'locale',
          version >= 170000
            ? 'coalesce(c.colllocale, c.collcollate)'
            : version >= 150000
              ? 'coalesce(c.colliculocale, c.collcollate)'
              : 'c.collcollate::text',
        ],
        lowVersion >= 120000 && ['deterministic', 'c.collisdeterministic'],
      )} from ${inSchema('pg_collation', 'c', 'collnamespace')}`,
  },
  {
    name: 'conversions',
    sql: () => `
      select ${qualified('n.nspname', 'c.conname')} as object, ${NO_TABLE}, ${properties([
        'definition',
        `pg_catalog.format('%s %s %s %s', c.conforencoding, c.contoencoding, c.conproc::text, c.condefault)`,
      ])} from ${inSchema('pg_conversion', 'c', 'connamespace')}`,
  },
  {
    name: 'text search',
    sql: () => `
      select 'configuration ' || ${qualified('n.nspname', 'c.cfgname')} as object, ${NO_TABLE}, ${properties(
        [
          'mappings',
          `array(select t.alias || ' ' || m.mapseqno || ' ' || m.mapdict::pg_catalog.regdictionary::text
            from pg_catalog.pg_ts_config_map m join pg_catalog.ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
            where m.mapcfg = c.oid order by 1)`,
        ],
      )} from ${inSchema('pg_ts_config', 'c', 'cfgnamespace')}
      union all
      select 'dictionary ' || ${qualified('n.nspname', 'd.dictname')}, ${NO_TABLE}, ${properties(
        [
          'template',
          '(select t.tmplname from pg_catalog.pg_ts_template t where t.oid = d.dicttemplate)',
        ],
        ['options', 'd.dictinitoption'],
      )} from ${inSchema('pg_ts_dict', 'd', 'dictnamespace')}
      union all
      select 'parser ' || ${qualified('n.nspname', 'p.prsname')}, ${NO_TABLE}, ${properties([
        'functions',
        `pg_catalog.format('%s %s %s %s', p.prsstart::text, p.prstoken::text, p.prsend::text, p.prsheadline::text)`,
      ])} from ${inSchema('pg_ts_parser', 'p', 'prsnamespace')}
      union all
      select 'template ' || ${qualified('n.nspname', 't.tmplname')}, ${NO_TABLE}, ${properties([
        'functions',
        `pg_catalog.format('%s %s', t.tmplinit::text, t.tmpllexize::text)`,
      ])} from ${inSchema('pg_ts_template', 't', 'tmplnamespace')}`,
  },
  {
    name: 'event triggers',
    sql: () => `
      select pg_catalog.quote_ident(e.evtname) as object, ${NO_TABLE}, ${properties(
        ['event', 'e.evtevent'],
        ['function', 'e.evtfoid::pg_catalog.regproc::text'],
        ['enabled', 'e.evtenabled'],
        ['tags', sortedOptions('e.evttags')],
      )} from pg_catalog.pg_event_trigger e where ${notOfExtension('pg_event_trigger', 'e.oid')}`,
  },
  {
    name: 'publications',
    definitions: ['filters'],
    sql: ({ lowVersion }) =>
      lowVersion < 100000
        ? undefined
        : `
      select pg_catalog.quote_ident(p.pubname) as object, ${NO_TABLE}, ${properties(
        ['all tables', 'p.puballtables'],
        ['insert', 'p.pubinsert'],
        ['update', 'p.pubupdate'],
        ['delete', 'p.pubdelete'],
        lowVersion >= 110000 && ['truncate', 'p.pubtruncate'],
        lowVersion >= 130000 && ['via root', 'p.pubviaroot'],
        [
          'tables',
          'array(select r.prrelid::pg_catalog.regclass::text from pg_catalog.pg_publication_rel r where r.prpubid = p.oid order by 1)',
        ],
        lowVersion >= 150000 && [
          'filters',
          "(select pg_catalog.string_agg(r.prrelid::pg_catalog.regclass::text || ' ' || coalesce(pg_catalog.pg_get_expr(r.prqual, r.prrelid), '') || ' ' || coalesce((select pg_catalog.string_agg(a.attname, ',' order by a.attname) from pg_catalog.pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)), ''), '; ' order by r.prrelid::pg_catalog.regclass::text) from pg_catalog.pg_publication_rel r where r.prpubid = p.oid)",
        ],
        lowVersion >= 150000 && [
          'schemas',
          'array(select s.pnnspid::pg_catalog.regnamespace::text from pg_catalog.pg_publication_namespace s where s.pnpubid = p.oid order by 1)',
        ],
      )} from pg_catalog.pg_publication p`,
  },
  {
    name: 'foreign servers',
    sql: () => `
      select 'wrapper ' || pg_catalog.quote_ident(w.fdwname) as object, ${NO_TABLE}, ${properties(
        ['handler', proc('w.fdwhandler')],
        ['validator', proc('w.fdwvalidator')],
        ['options', sortedOptions('w.fdwoptions')],
      )} from pg_catalog.pg_foreign_data_wrapper w where ${notOfExtension('pg_foreign_data_wrapper', 'w.oid')}
      union all
      select 'server ' || pg_catalog.quote_ident(s.srvname), ${NO_TABLE}, ${properties(
        [
          'wrapper',
          '(select w.fdwname from pg_catalog.pg_foreign_data_wrapper w where w.oid = s.srvfdw)',
        ],
        ['type', 's.srvtype'],
        ['version', 's.srvversion'],
        ['options', sortedOptions('s.srvoptions')],
      )} from pg_catalog.pg_foreign_server s where ${notOfExtension('pg_foreign_server', 's.oid')}
      union all
      select 'user mapping ' || pg_catalog.quote_ident(m.srvname) || ' for ' || coalesce(m.usename, 'public'), ${NO_TABLE},
        '{}'::jsonb as properties from pg_catalog.pg_user_mappings m`,
  },
  {
    name: 'languages',
    sql: () => `
      select pg_catalog.quote_ident(l.lanname) as object, ${NO_TABLE}, ${properties(
        ['trusted', 'l.lanpltrusted'],
        ['handler', 'nullif(l.lanplcallfoid, 0)::pg_catalog.regproc::text'],
      )} from pg_catalog.pg_language l where l.lanispl and ${notOfExtension('pg_language', 'l.oid')}`,
  },
];
