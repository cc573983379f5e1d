import type { BenchCase } from '../benchCase.ts';
import { loadStatements } from '../load.ts';

const ROWS = 20;
const ROW_MEGABYTES = 100;

function rowMegabytes(scale: number): number {
  return Math.max(1, Math.round(ROW_MEGABYTES * Math.min(scale, 1)));
}

/** A row passes through a worker in pieces; it must not be held there as a whole. */
export const hugeRows: BenchCase = {
  key: 'm',
  title: (scale) => `memory: ${ROWS} rows of ${rowMegabytes(scale)} MB`,
  usesStack: true,
  hasBaselines: false,
  maxRuns: 1,
  goals: [{ kind: 'memory', limit: 250 }],
  load: async (site) => {
    // Stored as it is: the bench is not about the compression of TOAST.
    await loadStatements(site, [
      `create table film (id integer primary key, content bytea not null);
       alter table film alter column content set storage external;`,
    ]);
    // 16 bytes of each digest.
    const digests = (rowMegabytes(site.scale) * 1_000_000) / 16;
    await loadStatements(
      site,
      Array.from(
        { length: ROWS },
        (_, row) =>
          `insert into film values (${row}, decode(repeat(md5('${row}'), ${digests}), 'hex'))`,
      ),
    );
  },
  baselines: () => [],
};
