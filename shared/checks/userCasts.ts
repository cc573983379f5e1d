import { notOfExtension, superuserOnly } from './superuserOnly.ts';

/** A cast without a function, or between types of the system, is a superuser's. */
export const userCasts = superuserOnly({
  id: 'user-casts',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603409'],
  looksAt:
    "Casts that the target's user may not create: without a function, or between types of the system.",
  remedy: 'DROP CAST on the source, or a superuser as the target user. Other casts are migrated.',
  sql: () => `
    select pg_catalog.format('(%s as %s)', pg_catalog.format_type(c.castsource, null),
        pg_catalog.format_type(c.casttarget, null)) as name,
      pg_catalog.format('drop cast (%s as %s)', pg_catalog.format_type(c.castsource, null),
        pg_catalog.format_type(c.casttarget, null)) as statement
    from pg_catalog.pg_cast c
    join pg_catalog.pg_type s on s.oid = c.castsource
    join pg_catalog.pg_type t on t.oid = c.casttarget
    where c.oid >= 16384 and ${notOfExtension('pg_cast', 'c.oid')}
      and (c.castmethod = 'b'
        or (s.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
          and t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace))
    order by 1`,
  message: (names) => `Only a superuser may create these casts on the target: ${names}.`,
});
