import { notOfExtension, superuserOnly, userSchema } from './superuserOnly.ts';

/** CREATE TYPE with input and output functions. */
export const baseTypes = superuserOnly({
  id: 'base-types',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt: 'Base types, which only a superuser may create.',
  remedy: 'Drop the types on the source, or use a superuser as the target user.',
  sql: () => `
    select pg_catalog.format('%I.%I', n.nspname, t.typname) as name,
      pg_catalog.format('drop type %I.%I cascade', n.nspname, t.typname) as statement
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where ${userSchema('n.nspname')} and t.typtype = 'b' and ${notOfExtension('pg_type', 't.oid')}
      and not exists (select from pg_catalog.pg_type e where e.typarray = t.oid)
    order by 1`,
  message: (names) =>
    `Only a superuser may create base types on the target ("must be superuser to create a base ` +
    `type"): ${names}. Change the columns that use them first: the statements drop those too.`,
});
