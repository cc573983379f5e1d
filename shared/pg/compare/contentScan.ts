import pg from 'pg';
import type { ContentTable } from './contentCatalog.ts';
import { digest, hash64, rowBytes } from './rowHash.ts';
import type { RowHashAlgorithm } from './rowHash.ts';
import type { SidePool } from './sidePool.ts';

/** The rows of a table as numbers that do not depend on their order: a count and two sums. */
export interface ContentSum {
  rows: bigint;
  sums: [bigint, bigint];
}

export interface ScanRequest {
  table: ContentTable;
  isTree: boolean;
  /** Forms of the columns, in the order of the source; counts only when undefined. */
  forms: readonly string[] | undefined;
}

interface Scan {
  request: ScanRequest;
  /** Range of blocks, the end open for the last part. */
  from?: number;
  to?: number;
  sizeBytes: number;
}

interface SumRow {
  scan: number;
  rows: string;
  sum1: string | null;
  sum2: string | null;
}

export interface ScanSettings {
  algorithm: RowHashAlgorithm;
  /** Default: 128 MiB. */
  partBytes?: number;
}

const PART_BYTES = 128 * 1024 * 1024;
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_SCANS = 50;
const MAX_PARTS = 256;

/**
 * Sums up tables of one side, largest first. Large ones are read in ranges of blocks, so that all
 * connections stay busy; small ones share a statement, so that ten thousand do not cost ten
 * thousand round trips. A table that cannot be read gives its error as a value.
 */
export async function scanTables(
  pool: SidePool,
  settings: ScanSettings,
  requests: readonly ScanRequest[],
  onScanned: (request: ScanRequest, outcome: ContentSum | Error) => void,
): Promise<void> {
  const pending = new Map<ScanRequest, { left: number; sum: ContentSum; error?: Error }>();
  const scans: Scan[] = [];
  for (const request of requests) {
    const parts = splitTable(request, pool.serverVersion, settings.partBytes ?? PART_BYTES);
    pending.set(request, { left: parts.length, sum: { rows: 0n, sums: [0n, 0n] } });
    scans.push(...parts);
  }
  scans.sort((a, b) => b.sizeBytes - a.sizeBytes);

  const settle = (scan: Scan, outcome: ContentSum | Error): void => {
    const state = pending.get(scan.request);
    if (state === undefined) return;
    if (outcome instanceof Error) state.error ??= outcome;
    else addSum(state.sum, outcome);
    state.left -= 1;
    if (state.left === 0) onScanned(scan.request, state.error ?? state.sum);
  };
  const run = async (batch: Scan[]): Promise<void> => {
    try {
      const sql = batch
        .map((scan, index) => scanSql(settings.algorithm, scan, index))
        .join('\nunion all\n');
      const rows = await pool.query<SumRow>(sql);
      for (const row of rows) {
        const scan = batch[row.scan];
        if (scan) settle(scan, toSum(row));
      }
    } catch (error) {
      if (pool.isBroken(error)) throw error;
      // One bad table must not take the others of its statement with it.
      if (batch.length > 1) {
        for (const scan of batch) await run([scan]);
        return;
      }
      if (batch[0]) settle(batch[0], error instanceof Error ? error : new Error(String(error)));
    }
  };
  // All are handed to the pool at once, which starts them in this order.
  await Promise.all(batches(scans).map(run));
}

function splitTable(request: ScanRequest, serverVersion: number, partBytes: number): Scan[] {
  const { table, isTree, forms } = request;
  const canSplit =
    serverVersion >= 140000 &&
    table.isHeap &&
    !isTree &&
    table.condition === '' &&
    forms !== undefined;
  const partCount = canSplit
    ? Math.min(MAX_PARTS, table.blockCount, Math.ceil(table.sizeBytes / partBytes))
    : 1;
  if (partCount <= 1) return [{ request, sizeBytes: table.sizeBytes }];
  const blocksPerPart = Math.ceil(table.blockCount / partCount);
  const parts: Scan[] = [];
  for (let from = 0; from < table.blockCount; from += blocksPerPart) {
    const to = from + blocksPerPart;
    const sizeBytes = table.sizeBytes / partCount;
    // Rows may have been added behind the end since the size was read.
    parts.push({ request, from, sizeBytes, ...(to < table.blockCount ? { to } : {}) });
  }
  return parts;
}

function batches(scans: readonly Scan[]): Scan[][] {
  const all: Scan[][] = [];
  let batch: Scan[] = [];
  let bytes = 0;
  for (const scan of scans) {
    if (
      batch.length === BATCH_SCANS ||
      (batch.length > 0 && bytes + scan.sizeBytes > BATCH_BYTES)
    ) {
      all.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(scan);
    bytes += scan.sizeBytes;
  }
  if (batch.length > 0) all.push(batch);
  return all;
}

function scanSql(algorithm: RowHashAlgorithm, scan: Scan, index: number): string {
  const { forms } = scan.request;
  const from = fromClause(scan.request, scan);
  const head = `select ${index}::int4 as scan, pg_catalog.count(*)::text as rows`;
  if (forms === undefined || forms.length === 0) {
    return `(${head}, null::text as sum1, null::text as sum2 ${from})`;
  }
  // The inner query keeps the canonical form from being computed twice; `offset 0` keeps the inner
  // query.
  return (
    `(${head}, pg_catalog.sum(${hash64(algorithm, 'x', 1)})::text as sum1, ` +
    `pg_catalog.sum(${hash64(algorithm, 'x', 2)})::text as sum2 ` +
    `from (select ${digest(algorithm, rowBytes(forms))} as x ${from} offset 0) q)`
  );
}

/** `from only schema.table where …` */
export function fromClause(
  request: Pick<ScanRequest, 'table' | 'isTree'>,
  range: { from?: number; to?: number } = {},
): string {
  const { table, isTree } = request;
  const name = `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`;
  const relation = isTree && table.isPartitioned ? name : `only ${name}`;
  // The condition of an extension's configuration table is stored with its `where`.
  const source =
    table.condition === '' ? relation : `(select * from ${relation} ${table.condition}) c`;
  if (range.from === undefined) return `from ${source}`;
  const bounds = [`ctid >= '(${range.from},0)'::pg_catalog.tid`];
  if (range.to !== undefined) bounds.push(`ctid < '(${range.to},0)'::pg_catalog.tid`);
  return `from ${source} where ${bounds.join(' and ')}`;
}

function toSum(row: SumRow): ContentSum {
  return { rows: BigInt(row.rows), sums: [BigInt(row.sum1 ?? 0), BigInt(row.sum2 ?? 0)] };
}

function addSum(total: ContentSum, part: ContentSum): void {
  total.rows += part.rows;
  total.sums[0] += part.sums[0];
  total.sums[1] += part.sums[1];
}
