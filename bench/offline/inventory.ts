import pg from 'pg';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { Contender } from './benchCase.ts';
import { DATABASE, withClient } from './servers.ts';

/** What is in the database; a run that was fast because it forgot something is no result. */
export interface Inventory {
  /** Rows of each table by its name. */
  rows: Map<string, number>;
  validIndexes: number;
  constraints: number;
  /** Tables with rows that the planner has statistics of. */
  analyzed: number;
}

const TABLES = `
  select c.oid::regclass::text as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  order by 1`;

const OBJECTS = `
  with tables as (
    select c.oid from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  )
  select
    (select count(*)::int from pg_catalog.pg_index i join tables t on t.oid = i.indrelid
      where i.indisvalid) as indexes,
    (select count(*)::int from pg_catalog.pg_constraint c join tables t on t.oid = c.conrelid)
      as constraints,
    (select count(distinct s.starelid)::int from pg_catalog.pg_statistic s
      join tables t on t.oid = s.starelid) as analyzed`;

/** Counts of this many tables are asked for at once. */
const COUNTED_AT_ONCE = 200;

export async function takeInventory(
  cluster: ThrowawayCluster,
  signal: AbortSignal,
): Promise<Inventory> {
  return withClient(cluster, DATABASE, signal, async (client) => {
    const tables = (await client.query<{ name: string }>(TABLES)).rows.map(({ name }) => name);
    const rows = new Map<string, number>();
    for (let at = 0; at < tables.length; at += COUNTED_AT_ONCE) {
      const parts = tables
        .slice(at, at + COUNTED_AT_ONCE)
        .map((name) => `select ${pg.escapeLiteral(name)} as name, count(*) from only ${name}`);
      const counted = await client.query<{ name: string; count: string }>(
        parts.join(' union all '),
      );
      for (const { name, count } of counted.rows) rows.set(name, Number(count));
    }
    const objects =
      await client.query<Record<'indexes' | 'constraints' | 'analyzed', number>>(OBJECTS);
    return {
      rows,
      validIndexes: objects.rows[0]?.indexes ?? 0,
      constraints: objects.rows[0]?.constraints ?? 0,
      analyzed: objects.rows[0]?.analyzed ?? 0,
    };
  });
}

/** What of the source is not on the target; empty when all is there. */
export function differences(
  source: Inventory,
  target: Inventory,
  proves: Contender['proves'],
): string[] {
  const found: string[] = [];
  for (const [table, count] of source.rows) {
    const arrived = target.rows.get(table);
    if (arrived !== count) found.push(`${table}: ${arrived ?? 'no table'} of ${count} rows`);
  }
  if (target.rows.size > source.rows.size) found.push('the target has more tables');
  if (proves === 'rows') return found;
  for (const what of ['validIndexes', 'constraints', 'analyzed'] as const) {
    if (target[what] !== source[what]) found.push(`${what}: ${target[what]} of ${source[what]}`);
  }
  return found;
}
