import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';

/**
 * Writes every table's rows anew through the stream, whatever their types are: an update that changes
 * nothing, rows that are deleted and inserted again, and the same within one transaction. Triggers
 * stand still, so that only what is written here changes.
 */
export async function shuffleRows(cluster: ThrowawayCluster, database: string): Promise<void> {
  await cluster.run(SHUFFLE_SQL, database);
}

const SHUFFLE_SQL = `
set session_replication_role = replica;
do $shuffle$
declare
  t record;
  columns text;
  assigned text;
begin
  for t in
    select c.oid, c.oid::regclass::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_'
      and n.nspname <> 'information_schema'
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    order by 1
  loop
    select string_agg(quote_ident(attname), ', ' order by attnum),
      string_agg(format('%1$I = %1$I', attname), ', ' order by attnum)
        filter (where attidentity <> 'a')
    into columns, assigned
    from pg_attribute
    where attrelid = t.oid and attnum > 0 and not attisdropped and attgenerated = '';
    if columns is null then
      execute format('insert into %s default values', t.name);
      continue;
    end if;
    if assigned is not null then
      execute format('update only %s set %s', t.name, assigned);
    end if;
    execute format('create temp table kept on commit drop as select %s from only %s', columns, t.name);
    execute format('delete from only %s', t.name);
    execute format('insert into %s (%s) overriding system value select * from kept', t.name, columns);
    drop table kept;
  end loop;
end $shuffle$;
`;
