import { notOfExtension, superuserOnly, userSchema } from './superuserOnly.ts';

const objects = (kind: string, catalog: string, column: string) => `
  select pg_catalog.format('text search ${kind} %I.%I', n.nspname, o.${column}name) as name,
    pg_catalog.format('drop text search ${kind} %I.%I cascade', n.nspname, o.${column}name)
      as statement
  from pg_catalog.${catalog} o join pg_catalog.pg_namespace n on n.oid = o.${column}namespace
  where ${userSchema('n.nspname')} and ${notOfExtension(catalog, 'o.oid')}`;

export const textSearch = superuserOnly({
  id: 'text-search-parsers',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt: 'Text search parsers and templates, which only a superuser may create.',
  remedy:
    'Drop them on the source, or use a superuser as the target user. Dictionaries and configurations are migrated.',
  sql: () => `${objects('parser', 'pg_ts_parser', 'prs')}
    union all ${objects('template', 'pg_ts_template', 'tmpl')} order by 1`,
  message: (names) => `Only a superuser may create these on the target: ${names}.`,
});
