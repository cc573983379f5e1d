import { notOfExtension, superuserOnly } from './superuserOnly.ts';

export const foreignDataWrappers = superuserOnly({
  id: 'foreign-data-wrappers',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt: 'Foreign-data wrappers that belong to no extension, which only a superuser may create.',
  remedy: 'Drop them on the source, or use a superuser as the target user.',
  sql: () => `
    select pg_catalog.quote_ident(w.fdwname) as name,
      pg_catalog.format('drop foreign data wrapper %I cascade', w.fdwname) as statement
    from pg_catalog.pg_foreign_data_wrapper w
    where ${notOfExtension('pg_foreign_data_wrapper', 'w.oid')} order by 1`,
  message: (names) => `Only a superuser may create these wrappers on the target: ${names}.`,
});
