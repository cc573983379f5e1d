import { copyPipes, copyPipesName } from '../../baselines/copyPipes.ts';
import { scaled } from '../benchCase.ts';
import type { BenchCase } from '../benchCase.ts';
import { loadStatements, slices } from '../load.ts';

const ROWS = 10_000_000;

/** Without an index: what is compared is how the rows get across. */
const TABLE = {
  name: 'event',
  definition: `
    create table event (
      id bigint not null,
      account integer not null,
      happened_at timestamptz not null,
      amount numeric(12, 2),
      label text
    )`,
};

function rows(from: number, to: number): string {
  return `
    insert into event
    select g, g * 7919::bigint % 100003,
      timestamptz '2022-01-01 00:00:00+00' + g * interval '3 seconds',
      (g * 104729::bigint % 10000019) / 100.0,
      'event ' || md5(g::text)
    from generate_series(${from}, ${to}) g`;
}

export const oneTable: BenchCase = {
  key: 'c',
  title: (scale) => `one table of ${scaled(ROWS, scale).toLocaleString('en-US')} rows`,
  usesStack: true,
  hasBaselines: true,
  goals: [
    { kind: 'ratio', against: copyPipesName('text'), limit: 1.1 },
    { kind: 'ratio', against: copyPipesName('binary'), limit: 1.1 },
    { kind: 'memory', limit: 250 },
  ],
  load: async (site) => {
    await loadStatements(site, [TABLE.definition]);
    await loadStatements(site, slices(scaled(ROWS, site.scale), rows));
  },
  baselines: (site) => [copyPipes(site, TABLE, 'text'), copyPipes(site, TABLE, 'binary')],
};
