import type { TableRecord } from '../../contracts/records.ts';
import { given } from './given.ts';
import { ratesOf } from './rates.ts';
import type { ReportTable } from './schema.ts';

export const LARGEST_TABLES = 100;

/** What a report says of a database's tables. */
export interface TableSummary {
  /** Those that failed, then the others by size. */
  tables: ReportTable[];
  leftOut: number;
  copyMs: number;
  indexMs: number;
  firstStartedOn?: string;
  lastEndedOn?: string;
}

/** Lists the largest and every one that failed, or all; the sums are over all of them. */
export async function summarizeTables(
  rows: AsyncIterable<TableRecord> | Iterable<TableRecord>,
  wanted: 'largest' | 'all',
): Promise<TableSummary> {
  const failed: TableRecord[] = [];
  const others: TableRecord[] = [];
  const summary: TableSummary = { tables: [], leftOut: 0, copyMs: 0, indexMs: 0 };
  for await (const row of rows) {
    (row.state === 'failed' ? failed : others).push(row);
    summary.copyMs += row.copyMs;
    summary.indexMs += row.indexMs;
    const { startedOn, endedOn } = row;
    if (startedOn !== undefined) {
      const first = summary.firstStartedOn ?? startedOn;
      summary.firstStartedOn = startedOn < first ? startedOn : first;
    }
    if (endedOn !== undefined && endedOn > (summary.lastEndedOn ?? '')) {
      summary.lastEndedOn = endedOn;
    }
  }
  const largest = others.sort(bySize);
  const shown = wanted === 'all' ? largest : largest.slice(0, LARGEST_TABLES);
  summary.tables = [...failed.sort(bySize), ...shown].map(reportTable);
  summary.leftOut = largest.length - shown.length;
  return summary;
}

/** What is not copied yet has its estimate only. */
function bySize(a: TableRecord, b: TableRecord): number {
  const bySizeOnly = sizeOf(b) - sizeOf(a);
  if (bySizeOnly !== 0) return bySizeOnly;
  const [nameA, nameB] = [`${a.schema}.${a.table}`, `${b.schema}.${b.table}`];
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}

function sizeOf({ bytes, bytesTotal }: TableRecord): number {
  return Math.max(bytes, bytesTotal);
}

function reportTable(row: TableRecord): ReportTable {
  const { schema, table, state, rows, bytes, partCount, attempt, copyMs, indexMs, error } = row;
  const { startedOn, endedOn } = row;
  const rates = state === 'failed' ? {} : ratesOf(row, copyMs);
  return {
    schema,
    table,
    state,
    rows,
    bytes,
    partCount,
    attempt,
    copyMs,
    indexMs,
    error,
    ...given({ startedOn, endedOn }),
    ...rates,
  };
}
