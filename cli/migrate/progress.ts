import type { DatabaseDetails, MigrationResource, TableProgress } from '../apiClient.ts';
import { createRate } from './rate.ts';
import type { Rate } from './rate.ts';
import { readReplication } from './replicationLine.ts';
import type { ReplicationProgress } from './replicationLine.ts';

/** What is shown of a database at one moment. */
export interface DatabaseProgress {
  database: string;
  /** Its name on the target. */
  target: string;
  state: string;
  operation: string;
  tablesDone: number;
  tablesFailed: number;
  tablesTotal: number;
  rows: number;
  rowsPerSecond: number;
  bytes: number;
  /** 0 until the copy is planned. */
  bytesTotal: number;
  bytesPerSecond: number;
  /** Milliseconds; undefined while nothing can be said. */
  timeLeftMs: number | undefined;
  /** Tables that are being worked on. */
  tables: TableProgress[];
  /** Of an online migration whose changes are read. */
  replication: ReplicationProgress | undefined;
}

interface DatabaseRates {
  rows: Rate;
  bytes: Rate;
  applied: Rate;
}

export interface MigrationProgress {
  name: string;
  state: string;
  subState: string;
  elapsedMs: number;
  databases: DatabaseProgress[];
}

export interface ProgressReader {
  read(
    resource: MigrationResource,
    tables: ReadonlyMap<string, TableProgress[]>,
    nowMs: number,
  ): MigrationProgress;
}

/** Makes rates and remaining times out of the counters of successive answers. */
export function createProgressReader(startedMs: number): ProgressReader {
  const rates = new Map<string, DatabaseRates>();
  return {
    read: (resource, tables, nowMs) => {
      const { properties } = resource;
      const status = properties.currentStatus;
      const details = status.currentSubStateDetails?.dbDetails ?? {};
      const names = properties.dbsToMigrate ?? Object.keys(details);
      return {
        name: resource.name,
        state: status.state,
        subState: status.currentSubStateDetails?.currentSubState ?? '',
        elapsedMs: nowMs - startedMs,
        databases: names.map((database) => {
          const detail = details[database] ?? {};
          let rate = rates.get(database);
          if (rate === undefined)
            rates.set(
              database,
              (rate = { rows: createRate(), bytes: createRate(), applied: createRate() }),
            );
          rate.rows.add(nowMs, detail.rowsCopied ?? 0);
          rate.bytes.add(nowMs, detail.bytesCopied ?? 0);
          return {
            ...readDatabase(
              database,
              properties.targetDbNames?.[database] ?? database,
              detail,
              rate,
            ),
            tables: tables.get(database) ?? [],
            replication: readReplication(detail, rate.applied, nowMs),
          };
        }),
      };
    },
  };
}

function readDatabase(
  database: string,
  target: string,
  detail: DatabaseDetails,
  rate: DatabaseRates,
): Omit<DatabaseProgress, 'tables' | 'replication'> {
  const tablesDone = detail.fullLoadCompletedTables ?? 0;
  const tablesFailed = detail.fullLoadErroredTables ?? 0;
  const tablesTotal =
    detail.tablesTotal ??
    tablesDone +
      tablesFailed +
      (detail.fullLoadQueuedTables ?? 0) +
      (detail.fullLoadLoadingTables ?? 0);
  const bytes = detail.bytesCopied ?? 0;
  const bytesTotal = detail.bytesTotal ?? 0;
  const bytesPerSecond = rate.bytes.perSecond();
  // The total is an estimate of the catalog: what is copied may be more.
  const bytesLeft = Math.max(0, bytesTotal - bytes);
  return {
    database,
    target,
    state: detail.migrationState ?? 'InProgress',
    operation: detail.migrationOperation ?? '',
    tablesDone,
    tablesFailed,
    tablesTotal,
    rows: detail.rowsCopied ?? 0,
    rowsPerSecond: rate.rows.perSecond(),
    bytes,
    bytesTotal,
    bytesPerSecond,
    timeLeftMs:
      bytesPerSecond > 0 && bytesLeft > 0 ? (bytesLeft / bytesPerSecond) * 1000 : undefined,
  };
}
