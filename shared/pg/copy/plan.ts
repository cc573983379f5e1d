import pg from 'pg';
import type { CopyBatch, CopyItem } from './batch.ts';
import type { PlannedTable } from './format.ts';

export interface PlanOptions {
  /** Connections that copy at once. */
  jobs: number;
  /** The source's, as in server_version_num. */
  serverVersion: number;
  /** A smaller table is never split. Default: 64 MiB. */
  splitThresholdBytes?: number;
  /** A larger table is always split into parts of at most this. Default: 16 GiB. */
  partBytes?: number;
  /** Most that a batch of small tables should hold. Default: 32 MiB. */
  batchBytes?: number;
  /** Most tables in a batch. Default: 200. */
  batchTables?: number;
}

const MEBIBYTE = 1024 * 1024;

/** What a table costs before its first row, in bytes that could be copied in that time. */
const TABLE_COST_BYTES = 64 * 1024;

/** A batch that costs less than this is not worth an activity of its own. */
const LEAST_BATCH_BYTES = 4 * MEBIBYTE;

/** How much longer than an equal share one table may keep its connection before it is split. */
const TOLERATED_SHARE = 1.2;

/**
 * Deals the tables into batches, the largest first: small ones packed, a large one by itself, a very
 * large one, or one that would keep a connection busy while the others have nothing left, in parts.
 * The same input gives the same batches.
 */
export function planBatches(tables: readonly PlannedTable[], options: PlanOptions): CopyBatch[] {
  const jobs = Math.max(1, options.jobs);
  const configs = tables.filter((table) => table.extensionConfig !== undefined);
  const sorted = tables
    .filter((table) => table.extensionConfig === undefined)
    .toSorted((a, b) => b.bytes - a.bytes || a.oid - b.oid);
  const totalBytes = sorted.reduce((total, table) => total + costOf(table), 0);
  const share = totalBytes / jobs;
  const most = options.batchBytes ?? 32 * MEBIBYTE;
  const packBytes = Math.min(most, Math.max(LEAST_BATCH_BYTES, share / 4));
  const whole: CopyItem[][] = [];
  const parts: CopyItem[] = [];
  let pack: CopyItem[] = [];
  let packed = 0;
  for (const table of sorted) {
    const split = partsOf(table, share, jobs, options);
    if (split.length > 1) {
      parts.push(...split);
      continue;
    }
    const isFull =
      packed + costOf(table) > packBytes || pack.length >= (options.batchTables ?? 200);
    if (pack.length > 0 && isFull) {
      whole.push(pack);
      [pack, packed] = [[], 0];
    }
    pack.push(itemOf(table));
    packed += costOf(table);
  }
  if (pack.length > 0) whole.push(pack);
  // In one batch, in the order of their foreign keys, which exist already.
  if (configs.length > 0) whole.push(configs.map(itemOf));
  const batches = [
    ...parts.map((item) => ({ kind: 'part' as const, items: [item] })),
    ...whole.map((items) => ({ kind: 'tables' as const, items })),
  ].map((batch) => ({ ...batch, bytes: batch.items.reduce((sum, { bytes }) => sum + bytes, 0) }));
  return batches
    .toSorted((a, b) => b.bytes - a.bytes)
    .map((batch, index) => ({ id: `b${index}`, ...batch }));
}

function costOf(table: PlannedTable): number {
  return table.bytes + TABLE_COST_BYTES;
}

function itemOf(table: PlannedTable): CopyItem {
  const { oid, schema, name, format, encoding, bytes, estimatedRows, extensionConfig } = table;
  return {
    oid,
    schema,
    name,
    columns: table.columns.map((column) => column.name),
    format,
    ...(encoding === undefined ? {} : { encoding }),
    bytes,
    estimatedRows,
    ...(extensionConfig === undefined
      ? {}
      : { extensionConfig: { condition: extensionConfig.condition } }),
  };
}

function partsOf(
  table: PlannedTable,
  share: number,
  jobs: number,
  options: PlanOptions,
): CopyItem[] {
  const partBytes = options.partBytes ?? 16 * 1024 * MEBIBYTE;
  const threshold = options.splitThresholdBytes ?? 64 * MEBIBYTE;
  const isHuge = table.bytes > partBytes;
  const dominates = jobs > 1 && table.bytes > share * TOLERATED_SHARE;
  if (table.bytes < threshold || (!isHuge && !dominates)) return [];
  // Four parts for each connection that the table can use, while they are worth an activity: two
  // copies of the same size may differ by half in time, and the last ones to end then differ less.
  const wanted = dominates
    ? Math.min(Math.ceil((4 * table.bytes) / share), Math.ceil(table.bytes / (threshold / 2)))
    : 1;
  const count = Math.max(wanted, Math.ceil(table.bytes / partBytes));
  const conditions = rangeConditions(table, count, options.serverVersion);
  return conditions.map((where, index) => ({
    ...itemOf(table),
    bytes: Math.round(table.bytes / conditions.length),
    estimatedRows: Math.round(table.estimatedRows / conditions.length),
    part: { index: index + 1, count: conditions.length, where },
  }));
}

/**
 * Conditions that together select every row once. The first and the last range are open, because
 * the table has grown since its size, or its key's bounds, were read.
 */
function rangeConditions(table: PlannedTable, count: number, serverVersion: number): string[] {
  if (serverVersion >= 140000) {
    if (!table.hasBlocks) return [];
    // Before 14 each range of ctid would read the whole table.
    return between('ctid', bounds(0n, BigInt(table.pageCount), count), (b) => `'(${b},0)'::tid`);
  }
  if (table.splitKey === undefined) return [];
  const { column, min, max } = table.splitKey;
  const cuts = bounds(BigInt(min), BigInt(max), count);
  return between(pg.escapeIdentifier(column), cuts, (b) => `'${b}'::bigint`);
}

/** The cuts that divide from…to into `count` ranges; fewer where there are fewer values. */
function bounds(from: bigint, to: bigint, count: number): bigint[] {
  const parts = BigInt(count);
  const cuts = Array.from(
    { length: count - 1 },
    (_, index) => from + ((to - from) * BigInt(index + 1)) / parts,
  );
  return [...new Set(cuts)].filter((cut) => cut > from);
}

function between(column: string, cuts: bigint[], literal: (cut: bigint) => string): string[] {
  const edges = [undefined, ...cuts, undefined];
  return edges.slice(1).map((upper, index) => {
    const lower = edges[index];
    const conditions = [
      ...(lower === undefined ? [] : [`${column} >= ${literal(lower)}`]),
      ...(upper === undefined ? [] : [`${column} < ${literal(upper)}`]),
    ];
    return conditions.join(' and ') || 'true';
  });
}
