import type { CopyWork } from './copyWork.ts';
import type { DatabaseRecord, TableRecord } from './records.ts';

/** A database of a migration before anything was done with it. */
export function newDatabaseRecord(
  given: Pick<DatabaseRecord, 'migrationId' | 'database' | 'targetDatabase' | 'order'>,
): DatabaseRecord {
  return {
    ...given,
    state: 'InProgress',
    operation: '',
    generation: 0,
    queuedTables: 0,
    loadingTables: 0,
    completedTables: 0,
    erroredTables: 0,
    rowsCopied: 0,
    bytesCopied: 0,
    bytesTotal: 0,
    tablesTotal: 0,
    message: '',
    notCarried: [],
  };
}

/** A table of which no row is copied yet. */
export function newTableRecord(
  given: Pick<TableRecord, 'tableId' | 'schema' | 'table' | 'bytesTotal' | 'partCount'>,
): TableRecord {
  return {
    ...given,
    state: 'queued',
    rows: 0,
    bytes: 0,
    partsDone: 0,
    attempt: 0,
    copyMs: 0,
    indexMs: 0,
    error: '',
  };
}

/** The work of a copy of which nothing was claimed yet. */
export function newCopyWork(
  given: Pick<
    CopyWork,
    'migrationId' | 'database' | 'owner' | 'generation' | 'snapshot' | 'batchCount' | 'reportedOn'
  >,
  tableCount: number,
): CopyWork {
  return {
    ...given,
    nextBatch: 0,
    followUps: [],
    lanes: {},
    partsDone: {},
    indexesOpen: {},
    broken: {},
    counters: {
      queuedTables: tableCount,
      loadingTables: 0,
      completedTables: 0,
      erroredTables: 0,
      rowsCopied: 0,
      bytesCopied: 0,
    },
    failures: [],
  };
}
