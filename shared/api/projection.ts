import type {
  DatabaseRecord,
  MigrationRecord,
  ReplicationRecord,
  ServerMetadata,
  ServerSpec,
} from '../contracts/records.ts';
import { toBooleanText } from './fields.ts';
import { migrationResourceId, serverResourceId } from './path.ts';
import type { DatabaseStatus, MigrationResource, TlsResource } from './resource.ts';
import { RESOURCE_TYPE } from './vocabulary.ts';

const INT32_MAX = 2_147_483_647;

/** The published counters are 32-bit: a larger value is answered as the largest. */
function toInt32(value: number): number {
  return Math.max(0, Math.min(INT32_MAX, Math.round(value)));
}

/** The resource as the API answers it; no secret is in a record. */
export function toResource(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  replications: readonly ReplicationRecord[] = [],
): MigrationResource {
  return {
    id: migrationResourceId(record, record.ref.name),
    name: record.ref.name,
    type: RESOURCE_TYPE,
    systemData: {
      createdAt: record.createdOn,
      createdByType: 'User',
      lastModifiedAt: record.lastModifiedOn,
      lastModifiedByType: 'User',
    },
    location: record.location,
    tags: record.tags,
    properties: withoutUndefined({
      migrationId: record.ref.id,
      currentStatus: statusOf(record, databases, replications),
      ...specProperties(record),
      ...wantedProperties(record),
      createdOn: record.createdOn,
      startedOn: record.startedOn,
      endedOn: record.endedOn,
      run: record.run,
      notCarried: record.notCarried,
    }),
  };
}

function statusOf(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  replications: readonly ReplicationRecord[],
): MigrationResource['properties']['currentStatus'] {
  const { status, validation } = record;
  // As published: a failed validation shows its details and no database.
  const shown = status.state === 'ValidationFailed' ? [] : databases;
  const streams = new Map(replications.map((item) => [item.database, item]));
  return {
    state: status.state,
    error: 'error' in status ? status.error : '',
    currentSubStateDetails: {
      currentSubState: status.subState,
      dbDetails: Object.fromEntries(
        shown.map((item) => [item.database, databaseStatusOf(item, streams.get(item.database))]),
      ),
      ...(validation === undefined ? {} : { validationDetails: validation }),
    },
  };
}

function databaseStatusOf(
  record: DatabaseRecord,
  replication: ReplicationRecord | undefined,
): DatabaseStatus {
  const stream = replication?.stream;
  return withoutUndefined({
    databaseName: record.database,
    migrationState: record.state,
    migrationOperation: record.operation,
    startedOn: record.startedOn,
    endedOn: record.endedOn,
    fullLoadQueuedTables: toInt32(record.queuedTables),
    fullLoadErroredTables: toInt32(record.erroredTables),
    fullLoadLoadingTables: toInt32(record.loadingTables),
    fullLoadCompletedTables: toInt32(record.completedTables),
    cdcUpdateCounter: toInt32(stream?.updates ?? 0),
    cdcDeleteCounter: toInt32(stream?.deletes ?? 0),
    cdcInsertCounter: toInt32(stream?.inserts ?? 0),
    appliedChanges: toInt32(stream?.appliedChanges ?? 0),
    incomingChanges: toInt32(stream?.incomingChanges ?? 0),
    latency: toInt32(stream?.latencySeconds ?? 0),
    message: record.message,
    targetDatabaseName: record.targetDatabase,
    tablesTotal: toInt32(record.tablesTotal),
    rowsCopied: record.rowsCopied,
    bytesCopied: record.bytesCopied,
    bytesTotal: record.bytesTotal,
    notCarried: record.notCarried,
    verification: record.verification,
    stream: streamOf(replication),
    cutover: cutoverOf(record),
  });
}

/** With what it takes to open a closed source again, which nobody else knows any more. */
function cutoverOf({ cutover, sourceChanges }: DatabaseRecord): DatabaseStatus['cutover'] {
  if (cutover === undefined) return undefined;
  const fence = sourceChanges?.find((change) => change.kind === 'fence');
  return withoutUndefined({
    ...cutover,
    fence: fence === undefined ? undefined : { acl: fence.acl, readOnly: fence.readOnly },
  });
}

/** The replicator writes once a second as long as it is there. */
const SILENT_MS = 30_000;

function silence({ stream, observed }: ReplicationRecord, now: number): string[] {
  if (stream === undefined || observed.phase !== 'streaming') return [];
  if (now - Date.parse(stream.updatedOn) < SILENT_MS) return [];
  return [`The replicator has been silent since ${stream.updatedOn}: is it running?`];
}

function streamOf(replication: ReplicationRecord | undefined): DatabaseStatus['stream'] {
  if (replication?.stream === undefined) return undefined;
  const { stream, observed } = replication;
  return withoutUndefined({
    slot: stream.slot,
    stage: observed.phase === 'streaming' ? observed.stage : undefined,
    failure: observed.phase === 'streamFailed' ? observed.reason : undefined,
    receivedLsn: stream.receivedLsn,
    appliedLsn: stream.appliedLsn,
    lagBytes: stream.lagBytes,
    retainedBytes: stream.retainedBytes,
    walStatus: stream.walStatus,
    safeWalSize: stream.safeWalSize,
    tablesPending: stream.tablesPending,
    tablesCopying: stream.tablesCopying,
    tablesReady: stream.tablesReady,
    unplannedTables: stream.unplannedTables,
    warnings: [...stream.warnings, ...silence(replication, Date.now())],
    updatedOn: stream.updatedOn,
  });
}

function specProperties(record: MigrationRecord) {
  const { spec } = record;
  return {
    migrationInstanceResourceId: spec.migrationInstanceResourceId,
    migrationMode: spec.mode,
    migrationOption: spec.option,
    sourceType: spec.sourceType as MigrationResource['properties']['sourceType'],
    sslMode: spec.sslMode as MigrationResource['properties']['sslMode'],
    sourceDbServerMetadata: metadataOf(record.sourceMetadata),
    targetDbServerMetadata: metadataOf(record.targetMetadata),
    sourceDbServerResourceId: spec.source.resourceId,
    sourceDbServerFullyQualifiedDomainName: spec.source.fullyQualifiedDomainName,
    targetDbServerResourceId: serverResourceId(record),
    targetDbServerFullyQualifiedDomainName: spec.target.fullyQualifiedDomainName,
    migrateRoles: toBooleanText(spec.migrateRoles),
    ...(spec.dryRunSchema === true ? { dryRunSchema: toBooleanText(true) } : {}),
    targetStorageMb: spec.targetStorageMb,
    fenceSource: toBooleanText(spec.fenceSource),
    setReplicaIdentityFull: toBooleanText(spec.setReplicaIdentityFull),
    targetDbNames: spec.targetDbNames,
    includeTables: spec.includeTables,
    excludeTables: spec.excludeTables,
    jobs: spec.jobs,
    verify: spec.verify,
    sourceTls: tlsOf(spec.source),
    targetTls: tlsOf(spec.target),
    sourceAuth: spec.source.auth === undefined ? undefined : ('Entra' as const),
    targetAuth: spec.target.auth === undefined ? undefined : ('Entra' as const),
    sourceOptions: spec.source.options,
    targetOptions: spec.target.options,
  };
}

function tlsOf({ tls }: ServerSpec): TlsResource {
  return withoutUndefined({ mode: tls.mode, ca: tls.ca, cert: tls.cert });
}

function metadataOf(metadata: ServerMetadata | undefined) {
  if (metadata?.storageMb === undefined) return metadata;
  return { ...metadata, storageMb: toInt32(metadata.storageMb) };
}

function wantedProperties(record: MigrationRecord) {
  const { wanted, spec, status } = record;
  // The published service shows a finished offline migration as cut over.
  const isCutOver = spec.mode === 'Offline' && status.state === 'Succeeded';
  return {
    dbsToMigrate: wanted.databases,
    setupLogicalReplicationOnSourceDbIfNeeded: toBooleanText(wanted.setupLogicalReplication),
    overwriteDbsInTarget: toBooleanText(wanted.overwriteDbsInTarget),
    migrationWindowStartTimeInUtc: wanted.windowStart ?? record.startedOn,
    migrationWindowEndTimeInUtc: record.endedOn,
    startDataMigration: toBooleanText(wanted.startDataMigration),
    triggerCutover: toBooleanText(wanted.triggerCutover || isCutOver),
    dbsToTriggerCutoverOn: wanted.cutoverDatabases,
    cancel: toBooleanText(wanted.cancel),
    dbsToCancelMigrationOn: wanted.cancelDatabases,
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
