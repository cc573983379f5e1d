import { notOfExtension, superuserOnly, userSchema } from './superuserOnly.ts';

/** A family goes with its classes. */
export const operatorClasses = superuserOnly({
  id: 'operator-classes',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt: 'Operator classes and families, which only a superuser may create.',
  remedy: 'Drop them on the source, or use a superuser as the target user.',
  sql: () => `
    select pg_catalog.format('%I.%I', n.nspname, f.opfname) as name,
      pg_catalog.format('drop operator family %I.%I using %I cascade', n.nspname, f.opfname,
        a.amname) as statement
    from pg_catalog.pg_opfamily f
    join pg_catalog.pg_namespace n on n.oid = f.opfnamespace
    join pg_catalog.pg_am a on a.oid = f.opfmethod
    where ${userSchema('n.nspname')} and ${notOfExtension('pg_opfamily', 'f.oid')}
    order by 1`,
  message: (names) =>
    `Only a superuser may create these operator families and their classes on the target: ${names}.`,
});
