import pg from 'pg';
import type { ContentTable } from './contentCatalog.ts';
import { fromClause } from './contentScan.ts';
import { digest, hash64, rowBytes } from './rowHash.ts';
import type { RowHashAlgorithm } from './rowHash.ts';
import type { SidePool } from './sidePool.ts';

export interface DifferingKey {
  kind: 'missing' | 'extra' | 'different';
  /** `(id, day) = (7,2024-01-01)`; undefined for a table without key. */
  key: string | undefined;
  /** How many rows have this key, or for a table without key are the same. */
  rows: number;
}

export interface DifferingKeys {
  keyColumns: string[] | undefined;
  /** At most as many as asked for. */
  keys: DifferingKey[];
  /** Whether there are more than were listed. */
  hasMore: boolean;
}

export interface KeyRequest {
  source: ContentTable;
  target: ContentTable;
  isTree: boolean;
  forms: readonly string[];
  /** Forms of the key's columns; without a key the row itself is the key. */
  keyForms: readonly string[] | undefined;
  keyColumns: string[] | undefined;
  rowCount: number;
  limit: number;
}

interface BucketRow {
  bucket: number;
  rows: string;
  sum: string;
}

interface KeyRow {
  key: string | null;
  hash: string;
  rows: string;
}

const ROWS_PER_BUCKET = 200;
const MAX_BUCKETS = 65_536;
/** What is fetched from one side to be compared key by key. */
const MAX_FETCHED_ROWS = 200_000;

/**
 * Finds the rows that make two tables differ: rows are dealt into buckets by a hash of their key,
 * only buckets with another sum are fetched, as keys and hashes. Two more reads of each side,
 * whatever the number of rows.
 */
export async function findDifferingKeys(
  source: SidePool,
  target: SidePool,
  algorithm: RowHashAlgorithm,
  request: KeyRequest,
): Promise<DifferingKeys> {
  const bucketCount = powerOfTwo(Math.min(MAX_BUCKETS, request.rowCount / ROWS_PER_BUCKET));
  const select = (table: ContentTable): string => innerSelect(algorithm, request, table);
  const bucket = `(${hash64(algorithm, 'k', 1)} & ${bucketCount - 1})::int4`;
  const bucketSql = (table: ContentTable): string =>
    `select ${bucket} as bucket, pg_catalog.count(*)::text as rows, ` +
    `pg_catalog.sum(${hash64(algorithm, 'x', 2)})::text as sum from (${select(table)}) q group by 1`;
  const [left, right] = await Promise.all([
    source.query<BucketRow>(bucketSql(request.source)),
    target.query<BucketRow>(bucketSql(request.target)),
  ]);
  const differing = differingBuckets(left, right);
  const chosen = chooseBuckets(differing, request.limit);
  if (chosen.length === 0) return { keyColumns: request.keyColumns, keys: [], hasMore: false };
  const keySql = (table: ContentTable): string =>
    `select t as key, ${hash64(algorithm, 'x', 2)}::text as hash, pg_catalog.count(*)::text as rows ` +
    `from (${select(table)}) q where ${bucket} in (${chosen.join(', ')}) group by 1, 2`;
  const [leftKeys, rightKeys] = await Promise.all([
    source.query<KeyRow>(keySql(request.source)),
    target.query<KeyRow>(keySql(request.target)),
  ]);
  const keys = compareKeys(leftKeys, rightKeys, request.keyColumns);
  return {
    keyColumns: request.keyColumns,
    keys: keys.slice(0, request.limit),
    hasMore: keys.length > request.limit || chosen.length < differing.length,
  };
}

function innerSelect(
  algorithm: RowHashAlgorithm,
  request: KeyRequest,
  table: ContentTable,
): string {
  const row = digest(algorithm, rowBytes(request.forms));
  const from = fromClause({ table, isTree: request.isTree });
  if (request.keyForms === undefined || request.keyColumns === undefined) {
    return `select x as k, x, null::text as t from (select ${row} as x ${from} offset 0) r offset 0`;
  }
  const key = digest(algorithm, rowBytes(request.keyForms));
  const names = request.keyColumns.map((name) => pg.escapeIdentifier(name)).join(', ');
  return `select ${key} as k, ${row} as x, row(${names})::text as t ${from} offset 0`;
}

interface Bucket {
  bucket: number;
  rows: number;
}

function differingBuckets(left: readonly BucketRow[], right: readonly BucketRow[]): Bucket[] {
  const others = new Map(right.map((row) => [row.bucket, row]));
  const differing: Bucket[] = [];
  for (const row of left) {
    const other = others.get(row.bucket);
    others.delete(row.bucket);
    if (other?.rows === row.rows && other.sum === row.sum) continue;
    differing.push({ bucket: row.bucket, rows: Number(row.rows) });
  }
  for (const row of others.values()) {
    differing.push({ bucket: row.bucket, rows: Number(row.rows) });
  }
  return differing.sort((a, b) => a.bucket - b.bucket);
}

/** Every chosen bucket holds at least one differing row, so `limit` of them are enough. */
function chooseBuckets(differing: readonly Bucket[], limit: number): number[] {
  const chosen: number[] = [];
  let rows = 0;
  for (const bucket of differing.slice(0, limit)) {
    rows += bucket.rows;
    if (chosen.length > 0 && rows > MAX_FETCHED_ROWS) break;
    chosen.push(bucket.bucket);
  }
  return chosen;
}

/** Hashes of the rows of one key with their number; more than one where the key is not unique. */
type Versions = Map<string, number>;

function groupByKey(rows: readonly KeyRow[]): Map<string, Versions> {
  const groups = new Map<string, Versions>();
  for (const row of rows) {
    const key = row.key ?? row.hash;
    const versions = groups.get(key) ?? new Map<string, number>();
    versions.set(row.hash, (versions.get(row.hash) ?? 0) + Number(row.rows));
    groups.set(key, versions);
  }
  return groups;
}

function compareKeys(
  leftRows: readonly KeyRow[],
  rightRows: readonly KeyRow[],
  keyColumns: string[] | undefined,
): DifferingKey[] {
  const left = groupByKey(leftRows);
  const right = groupByKey(rightRows);
  const keys: DifferingKey[] = [];
  const name = (key: string): string | undefined =>
    keyColumns === undefined ? undefined : `(${keyColumns.join(', ')}) = ${key}`;
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    let missing = 0;
    let extra = 0;
    const ours = left.get(key) ?? new Map<string, number>();
    const theirs = right.get(key) ?? new Map<string, number>();
    for (const hash of new Set([...ours.keys(), ...theirs.keys()])) {
      const difference = (ours.get(hash) ?? 0) - (theirs.get(hash) ?? 0);
      if (difference > 0) missing += difference;
      else extra -= difference;
    }
    const different = Math.min(missing, extra);
    if (different > 0) keys.push({ kind: 'different', key: name(key), rows: different });
    if (missing > different) {
      keys.push({ kind: 'missing', key: name(key), rows: missing - different });
    }
    if (extra > different) keys.push({ kind: 'extra', key: name(key), rows: extra - different });
  }
  return keys;
}

function powerOfTwo(atLeast: number): number {
  let power = 16;
  while (power < atLeast) power *= 2;
  return Math.min(power, MAX_BUCKETS);
}
