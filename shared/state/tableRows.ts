import type { TableRecord } from '../contracts/records.ts';
import type { TableState } from '../contracts/status.ts';

/** A transaction of 100 rows has to stay below 4 MiB. */
const ERROR_LIMIT = 8_000;

type Encoded = string | number | bigint;

/** Columns of the properties that are present; one that is present and undefined is emptied. */
export function encodeTable(record: Partial<TableRecord>): Record<string, Encoded> {
  const row: Record<string, Encoded> = {};
  for (const [name, value] of Object.entries(record)) row[name] = encodeValue(name, value);
  return row;
}

function encodeValue(name: string, value: string | number | undefined): Encoded {
  if (value === undefined) return '';
  if (typeof value === 'number')
    return isSmall(name) ? Math.round(value) : BigInt(Math.round(value));
  return name === 'error' ? value.slice(0, ERROR_LIMIT) : value;
}

/** Counts that stay 32-bit integers; rows, bytes and durations need 64. */
function isSmall(name: string): boolean {
  return name === 'partCount' || name === 'partsDone' || name === 'attempt';
}

export function decodeTable(row: Record<string, unknown>): TableRecord {
  const text = (name: string) => {
    const value = row[name];
    return typeof value === 'string' ? value : '';
  };
  const count = (name: string) => Number(row[name] ?? 0);
  return {
    tableId: text('tableId'),
    schema: text('schema'),
    table: text('table'),
    state: (text('state') || 'queued') as TableState,
    rows: count('rows'),
    bytes: count('bytes'),
    bytesTotal: count('bytesTotal'),
    partCount: count('partCount'),
    partsDone: count('partsDone'),
    attempt: count('attempt'),
    copyMs: count('copyMs'),
    indexMs: count('indexMs'),
    error: text('error'),
    startedOn: text('startedOn') || undefined,
    endedOn: text('endedOn') || undefined,
  };
}
