import { notOfExtension, superuserOnly, userSchema } from './superuserOnly.ts';

/** Untrusted languages (c, internal, plpython3u …), and LEAKPROOF in any of them. */
export const untrustedFunctions = superuserOnly({
  id: 'untrusted-functions',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt:
    'Functions in untrusted languages (C, PL/Python …), and LEAKPROOF ones, which only a superuser may create.',
  remedy: 'Drop them on the source, or use a superuser as the target user.',
  sql: () => `
    select p.oid::pg_catalog.regprocedure::text as name,
      case when l.lanpltrusted or l.lanname = 'sql'
        then pg_catalog.format('alter function %s not leakproof', p.oid::pg_catalog.regprocedure)
        else pg_catalog.format('drop %s %s cascade',
          case pg_catalog.to_jsonb(p) ->> 'prokind' when 'p' then 'procedure' else 'function' end,
          p.oid::pg_catalog.regprocedure) end as statement
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join pg_catalog.pg_language l on l.oid = p.prolang
    where ${userSchema('n.nspname')} and ${notOfExtension('pg_proc', 'p.oid')}
      and (p.proleakproof or not (l.lanpltrusted or l.lanname = 'sql'))
      -- Aggregates are of the language internal, and anybody's.
      and not exists (select from pg_catalog.pg_aggregate a where a.aggfnoid = p.oid)
    order by 1`,
  message: (names) => `Only a superuser may create these functions on the target: ${names}.`,
});
