import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PlannedTable } from '../../../shared/pg/copy/format.ts';
import { planBatches } from '../../../shared/pg/copy/plan.ts';

const MEBIBYTE = 1024 * 1024;

function table(oid: number, bytes: number, more: Partial<PlannedTable> = {}): PlannedTable {
  return {
    oid,
    schema: 'public',
    name: `t${oid}`,
    columns: [],
    persistence: 'p',
    bytes,
    pageCount: Math.ceil(bytes / 8192),
    estimatedRows: 0,
    isPartition: false,
    parentOids: [],
    hasBlocks: true,
    format: 'binary',
    ...more,
  };
}

const options = { jobs: 2, serverVersion: 150000 };

test('every table is in the plan once, whatever the sizes, or in all of its parts', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 50 }),
      fc.integer({ min: 1, max: 16 }),
      (sizes, jobs) => {
        const tables = sizes.map((bytes, index) => table(index + 1, bytes));
        const batches = planBatches(tables, { ...options, jobs });
        const items = batches.flatMap((batch) => batch.items);
        for (const { oid } of tables) {
          const own = items.filter((item) => item.oid === oid);
          const count = own[0]?.part?.count ?? 1;
          expect(own.map(({ part }) => part?.index ?? 1)).toEqual(
            Array.from({ length: count }, (_, index) => index + 1),
          );
        }
        expect(new Set(batches.map(({ id }) => id)).size).toBe(batches.length);
        for (const { items: each } of batches) expect(each.length).toBeLessThanOrEqual(200);
      },
    ),
  );
});

test('batches come largest first, small tables are packed', () => {
  const sizes = [1, 300, 2, 200, ...Array.from({ length: 500 }, () => 0)];
  const batches = planBatches(
    sizes.map((size, index) => table(index + 1, size * MEBIBYTE)),
    options,
  );
  expect(batches.map(({ bytes }) => bytes)).toEqual(
    batches.map(({ bytes }) => bytes).toSorted((a, b) => b - a),
  );
  expect(batches.length).toBeLessThan(10);
});

test('a few small tables are one batch', () => {
  const tables = [1, 2, 3, 4, 5].map((oid) => table(oid, 8192));
  expect(planBatches(tables, options)).toHaveLength(1);
});

test('a single large table keeps all jobs busy, tables of similar size are not split', () => {
  const [large] = [400 * MEBIBYTE];
  const alone = planBatches([table(1, large)], options);
  expect(alone.length).toBeGreaterThanOrEqual(2);
  expect(alone.every(({ kind }) => kind === 'part')).toBe(true);
  const similar = [350, 800, 400].map((size, index) => table(index + 1, size * MEBIBYTE));
  expect(planBatches(similar, options).every(({ kind }) => kind === 'tables')).toBe(true);
  expect(planBatches([table(1, large)], { ...options, jobs: 1 })).toHaveLength(1);
});

test('a huge table is split even when others keep the jobs busy', () => {
  const tables = [1, 2, 3, 4].map((oid) => table(oid, 40 * 1024 * MEBIBYTE));
  const batches = planBatches(tables, options);
  expect(batches.every(({ kind }) => kind === 'part')).toBe(true);
  expect(batches.every(({ bytes }) => bytes <= 16 * 1024 * MEBIBYTE)).toBe(true);
});

test('configuration tables of extensions are one batch, in their order', () => {
  const extensionConfig = { extension: 'x', condition: 'WHERE a' };
  const tables = [
    table(9, 5, { extensionConfig }),
    table(3, 900, { extensionConfig }),
    table(1, 1),
  ];
  const batch = planBatches(tables, options).find(({ items }) => items[0]?.extensionConfig);
  expect(batch?.items.map(({ oid }) => oid)).toEqual([9, 3]);
});

describe('T37: ranges of a key', () => {
  const before14 = { ...options, serverVersion: 120000, splitThresholdBytes: 0 };

  /** Which ranges a key falls into, as the server would decide it. */
  function rangesOf(key: bigint, conditions: string[]): number[] {
    return conditions.flatMap((condition, index) => {
      const lower = />= '(-?\d+)'/.exec(condition)?.[1];
      const upper = /< '(-?\d+)'/.exec(condition)?.[1];
      const isIn =
        (lower === undefined || key >= BigInt(lower)) &&
        (upper === undefined || key < BigInt(upper));
      return isIn ? [index] : [];
    });
  }

  test('every int8 falls into exactly one, also outside of the bounds that were read', () => {
    const int8 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(int8, int8, int8, fc.integer({ min: 2, max: 20 }), (a, b, key, jobs) => {
        const [min, max] = a < b ? [a, b] : [b, a];
        const splitKey = { column: 'id', min: String(min), max: String(max) };
        const batches = planBatches([table(1, MEBIBYTE, { splitKey })], { ...before14, jobs });
        const conditions = batches.map(({ items }) => items[0]?.part?.where ?? 'true');
        for (const probe of [key, min, max, min - 1n, max + 1n]) {
          expect(rangesOf(probe, conditions)).toHaveLength(1);
        }
      }),
    );
  });

  test('without such a key the table is one piece', () => {
    expect(planBatches([table(1, 400 * MEBIBYTE)], before14)).toMatchObject([{ kind: 'tables' }]);
  });
});

test('T36: a table of another access method is not cut by blocks', () => {
  const batches = planBatches([table(1, 400 * MEBIBYTE, { hasBlocks: false })], options);
  expect(batches).toMatchObject([{ kind: 'tables' }]);
});
