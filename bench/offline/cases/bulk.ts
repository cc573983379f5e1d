import { dumpRestore, DUMP_RESTORE_NAME } from '../../baselines/dumpRestore.ts';
import { pgcopydb, PGCOPYDB_NAME } from '../../baselines/pgcopydb.ts';
import { scaled } from '../benchCase.ts';
import type { BenchCase } from '../benchCase.ts';
import { loadStatements, slices } from '../load.ts';

const NARROW_ROWS = 5_000_000;
const WIDE_ROWS = 1_500_000;
const BLOB_ROWS = 1_000_000;

const TABLES = `
  create table measurement (
    id bigint not null,
    sensor integer not null,
    reading integer not null,
    taken_at timestamptz not null
  );
  create table purchase (
    id bigint not null,
    bought_at timestamptz not null,
    amount numeric(12, 2) not null,
    title text not null,
    tags text[] not null,
    attributes jsonb not null
  );
  create table attachment (
    id bigint not null,
    content bytea not null
  );`;

const INDEXES = [
  'alter table measurement add primary key (id)',
  'alter table purchase add primary key (id)',
  'alter table attachment add primary key (id)',
  'create index on purchase (bought_at)',
  'create index on purchase (title)',
  'create index on purchase using gin (tags)',
];

function narrow(from: number, to: number): string {
  return `
    insert into measurement
    select g, g * 7919::bigint % 10007, g * 104729::bigint % 1000003,
      timestamptz '2022-01-01 00:00:00+00' + g * interval '7 seconds'
    from generate_series(${from}, ${to}) g`;
}

function wide(from: number, to: number): string {
  return `
    insert into purchase
    select g,
      timestamptz '2022-01-01 00:00:00+00' + (g * 7919::bigint % 1500007) * interval '41 seconds',
      (g * 104729::bigint % 100000007) / 100.0,
      'order ' || md5(g::text),
      array['region ' || g % 50, 'shop ' || g % 700, 'channel ' || g % 7],
      jsonb_build_object('colour', (array['red', 'green', 'blue'])[g % 3 + 1],
        'size', g % 60, 'gift', g % 11 = 0, 'note', md5((g + 1)::text))
    from generate_series(${from}, ${to}) g`;
}

/** 448 bytes that no compression makes smaller, short enough to stay in the row. */
function blobs(from: number, to: number): string {
  const parts = Array.from({ length: 7 }, (_, part) => `sha512((g::text || '/${part}')::bytea)`);
  return `
    insert into attachment
    select g, ${parts.join(' || ')} from generate_series(${from}, ${to}) g`;
}

export const bulk: BenchCase = {
  key: 'a',
  title: (scale) => `${(1.5 * scale).toFixed(scale < 1 ? 2 : 1)} GB in three tables`,
  usesStack: true,
  hasBaselines: true,
  goals: [
    { kind: 'ratio', against: DUMP_RESTORE_NAME, limit: 0.7, goal: 0.65 },
    { kind: 'ratio', against: PGCOPYDB_NAME, limit: 0.8, goal: 0.75 },
    { kind: 'memory', limit: 250 },
  ],
  load: async (site) => {
    await loadStatements(site, [TABLES]);
    await loadStatements(site, [
      ...slices(scaled(WIDE_ROWS, site.scale), wide),
      ...slices(scaled(NARROW_ROWS, site.scale), narrow),
      ...slices(scaled(BLOB_ROWS, site.scale), blobs),
    ]);
    await loadStatements(site, INDEXES);
  },
  baselines: (site) => [dumpRestore(site), ...pgcopydb(site)],
};
