import pg from 'pg';
import type { CopyEstimate } from '../../contracts/records.ts';
import { codeOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';

export interface EstimateOptions {
  jobs: number;
  excludedOids: readonly number[];
  /** The sample read ends then, wherever it is. */
  sampleMs?: number;
}

interface TableSize {
  oid: string;
  schema: string;
  name: string;
  bytes: string;
  indexBytes: string;
  rows: number;
}

const NAMED_TABLES = 5;

/** More connections than this share what disks and network give. */
const JOBS_THAT_HELP = 4;

/** Reads from the source for a few seconds at most, and changes nothing. */
export async function estimateCopy(
  source: PgSession,
  { jobs, excludedOids, sampleMs = 2_000 }: EstimateOptions,
): Promise<CopyEstimate> {
  const rows = await readSizes(source, excludedOids);
  const sum = (of: (table: TableSize) => string) =>
    rows.reduce((total, table) => total + Number(of(table)), 0);
  const tableBytes = sum(({ bytes }) => bytes);
  const indexBytes = sum((table) => table.indexBytes);
  const [largest] = rows;
  const rate = largest === undefined ? undefined : await sampleRate(source, largest, sampleMs);
  const lanes = Math.max(1, Math.min(jobs, JOBS_THAT_HELP, rows.length));
  return {
    tableCount: rows.length,
    tableBytes,
    indexBytes,
    largestTables: rows.slice(0, NAMED_TABLES).map(({ schema, name, bytes }) => ({
      name: `${schema}.${name}`,
      bytes: Number(bytes),
    })),
    ...(rate === undefined
      ? {}
      : {
          bytesPerSecond: Math.round(rate),
          seconds: Math.ceil((tableBytes + indexBytes) / (rate * lanes)),
        }),
  };
}

/** A table that somebody has locked is waited for no longer than this. */
const LOCK_TIMEOUT_MS = 5_000;

/** Largest first; behind the lock of somebody else as the last VACUUM or ANALYZE noted them. */
async function readSizes(source: PgSession, excludedOids: readonly number[]): Promise<TableSize[]> {
  await source.query(`begin; set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  try {
    const { rows } = await source.query<TableSize>(sizeSql(SIZE_ON_DISK), [excludedOids]);
    return rows;
  } catch (error) {
    if (codeOf(error) !== '55P03') throw error;
  } finally {
    await source.query('rollback');
  }
  const { rows } = await source.query<TableSize>(sizeSql(SIZE_IN_CATALOG), [excludedOids]);
  return rows;
}

const SIZE_ON_DISK = `pg_catalog.pg_table_size(c.oid) as bytes,
  pg_catalog.pg_indexes_size(c.oid) as index_bytes`;

const SIZE_IN_CATALOG = `(c.relpages::int8 + coalesce((
    select t.relpages from pg_catalog.pg_class as t where t.oid = c.reltoastrelid), 0))
    * pg_catalog.current_setting('block_size')::int8 as bytes,
  (select coalesce(sum(i.relpages), 0)::int8 from pg_catalog.pg_index as x
    join pg_catalog.pg_class as i on i.oid = x.indexrelid where x.indrelid = c.oid)
    * pg_catalog.current_setting('block_size')::int8 as index_bytes`;

/** A size is asked of the file system, file by file: once for each table, hence the offset. */
function sizeSql(size: string): string {
  return `select oid, schema, name, bytes::text, index_bytes::text as "indexBytes", rows
     from (
       select c.oid::text, n.nspname as schema, c.relname as name, ${size},
         c.reltuples::float8 as rows
       from pg_catalog.pg_class as c
       join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
       where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
         and n.nspname not in ('information_schema', 'pgmove') and c.oid <> all ($1::oid[])
       offset 0) as t
     order by t.bytes desc, 2, 3`;
}

/** Bytes of the table per second, by how many of its rows arrive in the time. */
async function sampleRate(
  source: PgSession,
  table: TableSize,
  sampleMs: number,
): Promise<number | undefined> {
  const name = `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`;
  const began = performance.now();
  let rows = 0;
  let isWhole = true;
  await source.query(`begin; set local statement_timeout = ${sampleMs}`);
  try {
    rows = await countCopied(source, `copy (select * from only ${name}) to stdout`, (count) => {
      rows = count;
    });
  } catch (error) {
    // A table that may not be read is for the validation to tell.
    if (codeOf(error) !== '57014') return undefined;
    isWhole = false;
  } finally {
    await source.query('rollback');
  }
  const seconds = (performance.now() - began) / 1000;
  if (rows === 0) return undefined;
  // Statistics that are missing or old say too few rows.
  const share = isWhole ? 1 : Math.min(1, rows / Math.max(rows, table.rows));
  return (Number(table.bytes) * share) / seconds;
}

/** The rows of a COPY, counted and dropped; those before an error are told too. */
function countCopied(
  source: PgSession,
  text: string,
  onEnd: (count: number) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    const query = {
      submit: (connection: pg.Connection) => connection.query(text),
      handleCopyData: () => {
        count += 1;
      },
      handleCommandComplete: () => undefined,
      handleReadyForQuery: () => resolve(count),
      handleError: (error: unknown) => {
        onEnd(count);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    };
    source.client.query(query as unknown as pg.Submittable);
  });
}
