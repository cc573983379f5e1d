import type { DatabaseStatus, MigrationResource } from '../../../shared/api/resource.ts';

/** What the pages read of a migration, in the words of the page. */
export interface MigrationView {
  name: string;
  state: string;
  subState: string;
  error: string;
  isEnded: boolean;
  isOnline: boolean;
  option: string;
  /** By name. */
  databases: DatabaseStatus[];
  properties: MigrationResource['properties'];
}

export function viewOf({ name, properties }: MigrationResource): MigrationView {
  const { state, error, currentSubStateDetails } = properties.currentStatus;
  const { currentSubState, dbDetails } = currentSubStateDetails;
  return {
    name,
    state,
    subState: currentSubState,
    error,
    isEnded: currentSubState === 'Completed',
    isOnline: properties.migrationMode === 'Online',
    option: properties.migrationOption ?? 'ValidateAndMigrate',
    databases: Object.values(dbDetails).sort((a, b) =>
      a.databaseName.localeCompare(b.databaseName),
    ),
    properties,
  };
}

export interface Totals {
  databases: number;
  databasesDone: number;
  tables: number;
  tablesDone: number;
  tablesFailed: number;
  rows: number;
  bytes: number;
  bytesTotal: number;
  /** Seconds, of the database that is furthest behind; undefined without a stream. */
  latency?: number;
  lagBytes?: number;
  appliedChanges: number;
}

export function totalsOf(databases: readonly DatabaseStatus[]): Totals {
  const sum = (pick: (database: DatabaseStatus) => number) =>
    databases.reduce((total, database) => total + pick(database), 0);
  const streams = databases.flatMap((item) => (item.stream === undefined ? [] : [item]));
  return {
    databases: databases.length,
    databasesDone: databases.filter(({ migrationState }) => migrationState === 'Succeeded').length,
    tables: sum(({ tablesTotal }) => tablesTotal),
    tablesDone: sum(({ fullLoadCompletedTables }) => fullLoadCompletedTables),
    tablesFailed: sum(({ fullLoadErroredTables }) => fullLoadErroredTables),
    rows: sum(({ rowsCopied }) => rowsCopied),
    bytes: sum(({ bytesCopied }) => bytesCopied),
    bytesTotal: sum(({ bytesTotal }) => bytesTotal),
    appliedChanges: sum(({ appliedChanges }) => appliedChanges),
    ...(streams.length === 0
      ? {}
      : {
          latency: Math.max(...streams.map(({ latency }) => latency)),
          lagBytes: streams.reduce((total, { stream }) => total + (stream?.lagBytes ?? 0), 0),
        }),
  };
}
