import { notOfExtension, superuserOnly } from './superuserOnly.ts';

export const languages = superuserOnly({
  id: 'procedural-languages',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603413'],
  looksAt: 'Procedural languages that belong to no extension, which only a superuser may create.',
  remedy: 'Make them an extension, drop them, or use a superuser as the target user.',
  sql: () => `
    select pg_catalog.quote_ident(l.lanname) as name,
      pg_catalog.format('drop language %I cascade', l.lanname) as statement
    from pg_catalog.pg_language l
    where l.lanispl and l.oid >= 16384 and ${notOfExtension('pg_language', 'l.oid')}
    order by 1`,
  message: (names) => `Only a superuser may create these languages on the target: ${names}.`,
});
