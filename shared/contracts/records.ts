import type { ErrorCode } from './eventTypes.ts';
import type { DatabaseState, MigrationState, TableState } from './status.ts';
import type { TlsMode } from './tls.ts';
import type { CopyEstimate, ValidationDetails } from './validation.ts';

export type * from './validation.ts';

export type { EventRecord } from './eventRecord.ts';

/** How everything but the API names a migration: small enough for every message and input. */
export interface MigrationRef {
  /** GUID; also the id of the first orchestration instance. */
  id: string;
  /** Partition of the Migrations table: `subscription/resourceGroup/server`, lower case. */
  scope: string;
  name: string;
}

/** One side's server, without any secret. */
export interface ServerSpec {
  host: string;
  port: number;
  user: string;
  /** A token of the process's identity is the password; absent: the secret is. */
  auth?: 'entra';
  tls: { mode: TlsMode; ca?: string; cert?: string };
  /** libpq's `options`: `-c name=value …`. */
  options?: string;
  /** As the caller wrote it (`sourceDbServerResourceId`), to answer it unchanged. */
  resourceId?: string;
  fullyQualifiedDomainName?: string;
}

export type VerifyMode = 'none' | 'counts' | 'hash';

/** What PUT fixed. Changed by PATCH only where `wanted` says so. */
export interface MigrationSpec {
  mode: 'Offline' | 'Online';
  option: 'Validate' | 'Migrate' | 'ValidateAndMigrate';
  sourceType: string;
  sslMode: string;
  source: ServerSpec;
  target: ServerSpec;
  /** Source database name → name on the target, for those that are renamed. */
  targetDbNames: Record<string, string>;
  /** Patterns `schema.table` with `*` and `?`; a pattern without a dot is a table in any schema. */
  includeTables: string[];
  excludeTables: string[];
  /** Connections that copy or build at once, over all databases of the migration. */
  jobs: number;
  verify: VerifyMode;
  migrateRoles: boolean;
  /** With a validation: the schema is restored into a scratch database of the target. */
  dryRunSchema?: boolean;
  /** How large the target's disk is, as the caller knows it. */
  targetStorageMb?: number;
  /** Online: at cutover the source is closed to everybody but this migration. */
  fenceSource: boolean;
  /** Online: tables without a usable replica identity get FULL for the time of the migration. */
  setReplicaIdentityFull: boolean;
  /** As the caller wrote it: MigrationRecord.runtime is what counts. */
  migrationInstanceResourceId?: string;
}

/** What the operator wants now; PATCH writes it, orchestrators read it after every wake-up. */
export interface Wanted {
  databases: string[];
  overwriteDbsInTarget: boolean;
  setupLogicalReplication: boolean;
  /** false: wait at the scheduling gate until it is true or a window is given. */
  startDataMigration: boolean;
  /** ISO 8601. */
  windowStart?: string;
  cancel: boolean;
  /** Databases to cancel alone; all when `cancel` is true and this is empty. */
  cancelDatabases: string[];
  triggerCutover: boolean;
  cutoverDatabases: string[];
  /** When the cutover was asked for last; ISO 8601. One that failed is tried again by a later one. */
  cutoverRequestedOn?: string;
}

export interface ServerMetadata {
  location?: string;
  version?: string;
  storageMb?: number;
  sku?: { name?: string; tier?: string };
}

/** A row of Migrations. */
export interface MigrationRecord {
  ref: MigrationRef;
  /** Ids of the ARM path as the caller wrote them, for the answers. */
  subscriptionId: string;
  resourceGroupName: string;
  serverName: string;
  location: string;
  tags: Record<string, string>;
  spec: MigrationSpec;
  /** The worker group that carries the migration; absent: the front. */
  runtime?: string;
  /** Hash of the PUT body without secrets: an equal PUT is 200, another one 409. */
  specHash: string;
  wanted: Wanted;
  secretId: string;
  /** 0 at PUT; each resume adds one. */
  run: number;
  /** The Durable instance of this run: `id` for run 0, `id-run` after. */
  instanceId: string;
  status: MigrationState;
  validation?: ValidationDetails;
  /** By database, from a Validate. */
  estimates?: Record<string, CopyEstimate>;
  sourceMetadata?: ServerMetadata;
  targetMetadata?: ServerMetadata;
  /** azure.extensions of the target, where Azure says it. */
  allowedExtensions?: string[];
  /** Roles that migrateRoles makes, in which the target's user may have made itself a member. */
  newRoles?: string[];
  /** Of all databases together: roles and what belongs to them. */
  notCarried?: NotCarried[];
  /** ISO 8601. */
  createdOn: string;
  startedOn: string;
  endedOn?: string;
  lastModifiedOn: string;
  /** Set when the migration ended for good and its secrets are gone. */
  secretsDeleted?: boolean;
  purgedOn?: string;
}

/** Something of the source that is not, or not as it was, on the target. */
export interface NotCarried {
  /** As PostgreSQL names it: `table public.orders`. */
  object: string;
  /** What is different there, and why. */
  reason: string;
}

export interface VerificationResult {
  mode: VerifyMode;
  tableCount: number;
  /** Tables whose content differs, named `schema.table`, with what differs. */
  differences: { table: string; detail: string }[];
}

/** Something of the source that the migration changed, with what was there before, to put it back. */
export type SourceChange =
  | {
      kind: 'replicaIdentity';
      schema: string;
      table: string;
      /** pg_class.relreplident: default, nothing, index, full. */
      before: 'd' | 'n' | 'i' | 'f';
      /** Name of the index, for `i`. */
      index?: string;
    }
  | {
      kind: 'fence';
      /** pg_database.datacl as text; null: the default privileges. */
      acl: string | null;
      /** The database's own default_transaction_read_only; null: not set. */
      readOnly: string | null;
      on: string;
    };

/** How the cutover of a database went. */
export interface CutoverRecord {
  /** ISO 8601. */
  requestedOn: string;
  /** How far the target was behind when it began: seconds, and bytes of WAL. */
  latencySeconds?: number;
  lagBytes?: number;
  /** Position of the source that is drained to. */
  lsn?: string;
  fenced: boolean;
  endedOn?: string;
  /** From the request to the moment when the target was complete. */
  durationMs?: number;
  /** Why an attempt failed, and when; the database went back to replicating. */
  failure?: string;
  failedOn?: string;
}

/** A row of Databases. */
export interface DatabaseRecord {
  migrationId: string;
  database: string;
  targetDatabase: string;
  state: DatabaseState;
  /** What is being done, for people: "Copying tables". */
  operation: string;
  /** Snapshot generation of the running copy; 0 before the first. */
  generation: number;
  queuedTables: number;
  loadingTables: number;
  completedTables: number;
  erroredTables: number;
  rowsCopied: number;
  bytesCopied: number;
  /** Estimated from the source's catalog when the copy is planned. */
  bytesTotal: number;
  tablesTotal: number;
  message: string;
  /** What kind of failure `message` tells of; absent unless Failed. */
  errorCode?: ErrorCode;
  /** Tables of which it was told in this run that they failed, by id. */
  toldTables?: string[];
  /** Thresholds that the stream is beyond, told once, and since when (ISO 8601). */
  beyond?: { latencySince?: string; slotSince?: string };
  /** Place in the order of work: the largest database first. */
  order: number;
  /** Who has taken the database. */
  claim?: DatabaseClaim;
  /** This migration made the target database, and may make it again. */
  targetCreated?: boolean;
  /** Everything is on the target; only the traces of the migration are still to go. */
  targetComplete?: boolean;
  notCarried: NotCarried[];
  verification?: VerificationResult;
  /** The snapshot of an offline copy; its WAL position where the source tells one. */
  snapshot?: { takenOn: string; lsn?: string };
  /** When the tables were planned and their copy began; ISO 8601. */
  copyStartedOn?: string;
  /** Written before the source is changed; emptied when it is as it was. */
  sourceChanges?: SourceChange[];
  /** Since when it waits for its cutover; ISO 8601. */
  atGateSince?: string;
  cutover?: CutoverRecord;
  startedOn?: string;
  endedOn?: string;
}

/** Which lane of which run (its instance), and how often it has claimed by then. */
export interface DatabaseClaim {
  owner: string;
  lane: number;
  sequence: number;
}

/** A row of Tables. */
export interface TableRecord {
  /** Key of the row: the table's oid on the source, as text. */
  tableId: string;
  schema: string;
  table: string;
  state: TableState;
  rows: number;
  bytes: number;
  /** Estimated from the source's catalog. */
  bytesTotal: number;
  partCount: number;
  partsDone: number;
  attempt: number;
  /** Milliseconds spent copying rows and building indexes. */
  copyMs: number;
  indexMs: number;
  /** Empty unless failed. */
  error: string;
  startedOn?: string;
  endedOn?: string;
}

/**
 * A row of Replications. Activities write `desired`; the replicator claims the row by its lease,
 * works towards it and writes `observed`.
 */
export interface ReplicationRecord {
  ref: MigrationRef;
  database: string;
  desired:
    // Hold an exported snapshot for the offline copy of this generation.
    // `until` (ISO 8601) bounds it when it is only kept for a possible resume.
    | {
        phase: 'holdSnapshot';
        generation: number;
        include: string[];
        exclude: string[];
        until?: string;
      }
    // Online: create the slot of this generation, or go on with it, and keep the target up to date.
    // `drainTo`: apply everything up to this LSN, then stop applying and say so (cutover).
    // `run` counts the migration's runs: a stream that failed is tried again by another one only.
    // `until` (ISO 8601) bounds it when it is only kept for a possible resume.
    | {
        phase: 'stream';
        generation: number;
        run: number;
        slot: string;
        drainTo?: string;
        until?: string;
      }
    // Let go of everything; a slot of ours is dropped.
    | { phase: 'released'; slot?: string };
  observed:
    | { phase: 'none' }
    | { phase: 'snapshotHeld'; generation: number; snapshot: string; since: string; lsn?: string }
    // The connection that held it broke: the copy of that generation is void.
    | { phase: 'snapshotLost'; generation: number; reason: string }
    // It could not be taken (rights, locks, connection); `isTransient`: a later attempt may succeed.
    | { phase: 'failed'; generation: number; reason: string; isTransient: boolean }
    // The slot is there and its stream is consumed.
    | { phase: 'streaming'; generation: number; run: number; stage: StreamStage; since: string }
    // The stream stopped and needs somebody to act; the slot is kept unless `isSlotLost`.
    | {
        phase: 'streamFailed';
        generation: number;
        run: number;
        reason: string;
        isSlotLost: boolean;
      }
    | { phase: 'released' };
  /** Counters and positions of the stream, written at most once a second. */
  stream?: StreamStatus;
  /** Who waits: the instance that gets the external event `replication` on a change. */
  waitingInstanceId: string;
  /** When the message of its session was sent last by another than its owner; ISO 8601. */
  announcedOn?: string;
  /** The worker group whose replicators work on it; absent: the front's. */
  runtime?: string;
  lease?: { owner: string; until: string };
}

/** How far a stream has come. */
export type StreamStage =
  // Tables are pending or being copied.
  | 'copying'
  // All tables are ready: the target is a consistent prefix of the source.
  | 'consistent'
  // Consistent, and as good as nothing is waiting.
  | 'caughtUp'
  // Applied to exactly the LSN of the cutover; nothing more is applied.
  | 'drained';

/** What a stream has done and where it is. LSNs as PostgreSQL writes them. */
export interface StreamStatus {
  slot: string;
  consistentPoint: string;
  receivedLsn: string;
  appliedLsn: string;
  /** Age of the newest source position that is applied, in seconds. */
  latencySeconds: number;
  /** WAL between the source's end and what is applied. */
  lagBytes: number;
  /** WAL that the slot keeps on the source. */
  retainedBytes: number;
  /** pg_replication_slots.wal_status and safe_wal_size; absent before 13. */
  walStatus?: string;
  safeWalSize?: number;
  transactions: number;
  /** Row changes received and applied, all kinds; changes that a copy already holds are not applied. */
  incomingChanges: number;
  appliedChanges: number;
  inserts: number;
  updates: number;
  deletes: number;
  truncates: number;
  /** Tables by their state for the stream. */
  tablesPending: number;
  tablesCopying: number;
  tablesReady: number;
  /** Tables of the source that are not in the plan and whose changes were dropped. */
  unplannedTables: string[];
  /** Things to look at, as sentences: a slot near its limit, a lag that only grows. */
  warnings: string[];
  /** ISO 8601. */
  updatedOn: string;
}
