import type {
  DatabaseRecord,
  EventRecord,
  MigrationRecord,
  ReplicationRecord,
  TableRecord,
} from '../../contracts/records.ts';
import { isDatabaseEnded, isEnded } from '../../contracts/status.ts';
import { migrationResourceId } from '../path.ts';
import { serverOf, toValidationReport } from '../validationReport.ts';
import { PGMOVE_VERSION } from '../version.ts';
import { decisionsOf } from './decisions.ts';
import { given } from './given.ts';
import { ratesOf } from './rates.ts';
import type { MigrationReport, ReportDatabase } from './schema.ts';
import { summarizeTables } from './tables.ts';
import type { TableSummary } from './tables.ts';
import { timelineOf } from './timeline.ts';

/** All that is stored of a migration. */
export interface ReportSources {
  record: MigrationRecord;
  databases: readonly DatabaseRecord[];
  replications: readonly ReplicationRecord[];
  /** In their order. */
  events: readonly EventRecord[];
  /** The tables of a database. */
  tables: (database: string) => AsyncIterable<TableRecord> | Iterable<TableRecord>;
}

export interface ReportOptions {
  /** `largest`: the largest hundred and every one that failed. */
  tables: 'largest' | 'all';
  /** Milliseconds since 1970. */
  now: number;
}

/** What a migration did, or has done so far, from what is stored of it. */
export async function toMigrationReport(
  sources: ReportSources,
  options: ReportOptions,
): Promise<MigrationReport> {
  const { record } = sources;
  const { spec, wanted, status } = record;
  const streams = new Map(sources.replications.map((row) => [row.database, row]));
  const databases: ReportDatabase[] = [];
  for (const row of sources.databases) {
    const summary = await summarizeTables(sources.tables(row.database), options.tables);
    databases.push(databaseOf(row, streams.get(row.database), summary));
  }
  const validation = validationOf(record);
  return {
    generatedOn: new Date(options.now).toISOString(),
    pgmoveVersion: PGMOVE_VERSION,
    isFinal: isEnded(status),
    migrationId: record.ref.id,
    migrationName: record.ref.name,
    resourceId: migrationResourceId(record, record.ref.name),
    migrationMode: spec.mode,
    migrationOption: spec.option,
    sourceType: spec.sourceType,
    run: record.run,
    state: status.state,
    subState: status.subState,
    error: 'error' in status ? status.error : '',
    createdOn: record.createdOn,
    startedOn: record.startedOn,
    ...given({ endedOn: record.endedOn }),
    durationMs: Math.max(
      0,
      (record.endedOn === undefined ? options.now : Date.parse(record.endedOn)) -
        Date.parse(record.startedOn),
    ),
    source: { ...serverOf(spec.source, record.sourceMetadata), tlsMode: spec.source.tls.mode },
    target: { ...serverOf(spec.target, record.targetMetadata), tlsMode: spec.target.tls.mode },
    settings: {
      jobs: spec.jobs,
      verify: spec.verify,
      migrateRoles: spec.migrateRoles,
      includeTables: spec.includeTables,
      excludeTables: spec.excludeTables,
      fenceSource: spec.fenceSource,
      setReplicaIdentityFull: spec.setReplicaIdentityFull,
      overwriteDbsInTarget: wanted.overwriteDbsInTarget,
      setupLogicalReplicationOnSourceDbIfNeeded: wanted.setupLogicalReplication,
      ...given({ sourceOptions: spec.source.options, targetOptions: spec.target.options }),
    },
    decisions: decisionsOf(record),
    totals: totalsOf(databases, record.notCarried ?? []),
    notCarried: record.notCarried ?? [],
    databases,
    ...given({ validation }),
    warnings: warningsOf(sources, validation),
    timeline: timelineOf(sources.events),
  };
}

function databaseOf(
  row: DatabaseRecord,
  replication: ReplicationRecord | undefined,
  summary: TableSummary,
): ReportDatabase {
  return {
    databaseName: row.database,
    targetDatabaseName: row.targetDatabase,
    state: row.state,
    operation: row.operation,
    message: row.message,
    ...given({ startedOn: row.startedOn, endedOn: row.endedOn }),
    ...durationOf(row.startedOn, row.endedOn),
    tablesTotal: row.tablesTotal,
    tablesCompleted: row.completedTables,
    tablesFailed: row.erroredTables,
    rows: row.rowsCopied,
    bytes: row.bytesCopied,
    bytesEstimated: row.bytesTotal,
    copyMs: summary.copyMs,
    indexMs: summary.indexMs,
    ...given({
      copy: copyOf(row, summary),
      snapshot: row.snapshot && {
        takenOn: row.snapshot.takenOn,
        ...given({ lsn: row.snapshot.lsn }),
      },
      replication: replicationOf(replication),
      cutover: cutoverOf(row),
      verification: row.verification,
    }),
    notCarried: row.notCarried,
    tables: summary.tables,
    tablesLeftOut: summary.leftOut,
  };
}

/** Wall-clock time from the plan to the last table: parallel work counts once. */
function copyOf(row: DatabaseRecord, summary: TableSummary): ReportDatabase['copy'] {
  const startedOn = row.copyStartedOn ?? summary.firstStartedOn;
  if (startedOn === undefined) return undefined;
  const isDone = row.tablesTotal > 0 && row.completedTables + row.erroredTables >= row.tablesTotal;
  if (!isDone || summary.lastEndedOn === undefined) return { startedOn };
  const durationMs = Math.max(0, Date.parse(summary.lastEndedOn) - Date.parse(startedOn));
  return {
    startedOn,
    endedOn: summary.lastEndedOn,
    durationMs,
    ...ratesOf({ rows: row.rowsCopied, bytes: row.bytesCopied }, durationMs),
  };
}

function replicationOf(row: ReplicationRecord | undefined): ReportDatabase['replication'] {
  if (row?.stream === undefined) return undefined;
  const { stream } = row;
  return {
    slot: stream.slot,
    consistentPoint: stream.consistentPoint,
    receivedLsn: stream.receivedLsn,
    appliedLsn: stream.appliedLsn,
    transactions: stream.transactions,
    incomingChanges: stream.incomingChanges,
    appliedChanges: stream.appliedChanges,
    inserts: stream.inserts,
    updates: stream.updates,
    deletes: stream.deletes,
    truncates: stream.truncates,
    latencySeconds: stream.latencySeconds,
    lagBytes: stream.lagBytes,
    unplannedTables: stream.unplannedTables,
    updatedOn: stream.updatedOn,
  };
}

function cutoverOf({ cutover }: DatabaseRecord): ReportDatabase['cutover'] {
  if (cutover === undefined) return undefined;
  const { requestedOn, fenced, ...rest } = cutover;
  const { endedOn, durationMs, lsn, latencySeconds, lagBytes, failure } = rest;
  return {
    requestedOn,
    fenced,
    ...given({ endedOn, durationMs, lsn, latencySeconds, lagBytes, failure }),
  };
}

function totalsOf(
  databases: readonly ReportDatabase[],
  ofAll: readonly unknown[],
): MigrationReport['totals'] {
  const sum = (of: (database: ReportDatabase) => number) =>
    databases.reduce((total, database) => total + of(database), 0);
  return {
    databases: databases.length,
    tables: sum(({ tablesTotal }) => tablesTotal),
    tablesCompleted: sum(({ tablesCompleted }) => tablesCompleted),
    tablesFailed: sum(({ tablesFailed }) => tablesFailed),
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes }) => bytes),
    notCarried: ofAll.length + sum(({ notCarried }) => notCarried.length),
  };
}

function validationOf(record: MigrationRecord): MigrationReport['validation'] {
  if (record.validation === undefined) return undefined;
  const { status, startedOn, endedOn, durationMs, ...found } = toValidationReport(record);
  const { findings, notChecked } = found;
  return { ...given({ status, startedOn, endedOn, durationMs }), findings, notChecked };
}

/** What the validation warned of, and what the stream did. */
function warningsOf(
  { databases, replications }: ReportSources,
  validation: MigrationReport['validation'],
): MigrationReport['warnings'] {
  const found = (validation?.findings ?? [])
    .filter(({ state }) => state === 'Warning')
    .map(({ databaseName, message }) => ({ ...given({ databaseName }), message }));
  const streams = replications.flatMap(({ database, stream }) =>
    (stream?.warnings ?? []).map((message) => ({ databaseName: database, message })),
  );
  const cutovers = databases.flatMap(({ database, state, cutover }) =>
    cutover?.failure === undefined || isDatabaseEnded(state)
      ? []
      : [{ databaseName: database, message: `The last cutover failed: ${cutover.failure}` }],
  );
  return [...found, ...streams, ...cutovers];
}

function durationOf(startedOn: string | undefined, endedOn: string | undefined) {
  if (startedOn === undefined || endedOn === undefined) return {};
  return { durationMs: Math.max(0, Date.parse(endedOn) - Date.parse(startedOn)) };
}
