import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { waitFor } from './waitFor.ts';

/** Key of the advisory lock that a gated table's rows wait for. */
const KEY = 4242;

/**
 * A table `public.gated` whose CHECK constraint takes an advisory lock: while a test holds that lock
 * on the target, the COPY of this table stands in its middle. On the source nothing waits.
 */
export const GATED_TABLE_SQL = `
create function public.pass_gate(v integer) returns boolean language plpgsql as $$
begin
  if v = 5000 then perform pg_catalog.pg_advisory_xact_lock_shared(${KEY}); end if;
  return true;
end $$;
create table public.gated (id integer primary key check (public.pass_gate(id)), note text);
insert into public.gated select i, repeat('row ' || i, 20) from generate_series(1, 10000) i;
`;

/** A table whose index stands at the same gate: its rows are in by then. */
export const GATED_INDEX_SQL = `
create function public.stand(v integer) returns integer immutable language plpgsql as $$
begin
  perform pg_catalog.pg_advisory_xact_lock_shared(${KEY});
  return v;
end $$;
create table public.slow (id integer);
insert into public.slow values (1);
create index on public.slow (public.stand(id));
`;

export interface CopyGate {
  /** Waits until somebody stands at the gate; its backend's pid. */
  reached(): Promise<number>;
  open(): Promise<void>;
}

/** Creates the (empty) target database and closes the gate in it. */
export async function closeGate(target: ThrowawayCluster, database: string): Promise<CopyGate> {
  const client: pg.Client = await target.connect(database);
  await client.query('select pg_advisory_lock($1)', [KEY]);
  return {
    reached: () =>
      waitFor('a COPY at the gate', async () => {
        const { rows } = await client.query<{ pid: number }>(
          `select pid from pg_catalog.pg_locks
           where locktype = 'advisory' and objid = $1 and not granted`,
          [KEY],
        );
        return rows[0]?.pid;
      }),
    open: async () => {
      await client.end();
    },
  };
}
