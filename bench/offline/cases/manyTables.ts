import { dumpRestore, DUMP_RESTORE_NAME } from '../../baselines/dumpRestore.ts';
import { pgcopydb } from '../../baselines/pgcopydb.ts';
import { scaled } from '../benchCase.ts';
import type { BenchCase } from '../benchCase.ts';
import { loadStatements, slices } from '../load.ts';

const TABLES = 5_000;

/** Commits now and then: the locks of all tables at once do not fit. */
function createTables(from: number, to: number): string {
  return `
    do $$
    begin
      for n in ${from}..${to} loop
        execute format('create table table_%s (id serial primary key, name text, at timestamptz)', n);
        execute format('insert into table_%s (name, at) select md5(g::text), '
          'timestamptz ''2024-01-01 00:00:00+00'' + g * interval ''1 hour'' '
          'from generate_series(1, 20) g', n);
        execute format('create index on table_%s (name)', n);
        if n % 100 = 0 then commit; end if;
      end loop;
    end $$`;
}

export const manyTables: BenchCase = {
  key: 'b',
  title: (scale) => `${scaled(TABLES, scale).toLocaleString('en-US')} tables of 20 rows`,
  usesStack: true,
  hasBaselines: true,
  goals: [{ kind: 'ratio', against: DUMP_RESTORE_NAME, limit: 1 }],
  load: async (site) => {
    await loadStatements(site, slices(scaled(TABLES, site.scale), createTables));
  },
  // It takes minutes here, and no goal hangs on it.
  baselines: (site) => [dumpRestore(site), ...pgcopydb(site, { maxRuns: 1 })],
};
