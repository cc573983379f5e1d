import type { DatabaseState, MigrationState, TableState } from './status.ts';
import type { TlsMode } from './tls.ts';

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
  /** A runtime (worker group) that carries this migration. */
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
}

export interface ServerMetadata {
  location?: string;
  version?: string;
  storageMb?: number;
  sku?: { name?: string; tier?: string };
}

export type ValidationState = 'Failed' | 'Succeeded' | 'Warning';

export interface ValidationItem {
  type: string;
  state: ValidationState;
  messages?: { state: ValidationState; message: string }[];
}

export interface ValidationDetails {
  status?: ValidationState;
  validationStartTimeInUtc?: string;
  validationEndTimeInUtc?: string;
  serverLevelValidationDetails: ValidationItem[];
  dbLevelValidationDetails: {
    databaseName: string;
    startedOn: string;
    endedOn?: string;
    summary: ValidationItem[];
  }[];
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
  sourceMetadata?: ServerMetadata;
  targetMetadata?: ServerMetadata;
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
  /** Place in the order of work: the largest database first. */
  order: number;
  /** Which lane of which run (its instance) has taken the database. */
  claim?: { owner: string; lane: number; sequence: number };
  /** This migration made the target database, and may make it again. */
  targetCreated?: boolean;
  /** Everything is on the target; only the traces of the migration are still to go. */
  targetComplete?: boolean;
  notCarried: NotCarried[];
  verification?: VerificationResult;
  startedOn?: string;
  endedOn?: string;
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
    // Let go of everything.
    | { phase: 'released' };
  observed:
    | { phase: 'none' }
    | { phase: 'snapshotHeld'; generation: number; snapshot: string; since: string }
    // The connection that held it broke: the copy of that generation is void.
    | { phase: 'snapshotLost'; generation: number; reason: string }
    // It could not be taken (rights, locks, connection); `isTransient`: a later attempt may succeed.
    | { phase: 'failed'; generation: number; reason: string; isTransient: boolean }
    | { phase: 'released' };
  /** Who waits: the instance that gets the external event `replication` on a change. */
  waitingInstanceId: string;
  lease?: { owner: string; until: string };
}

/** A state change, first in a row's outbox, then a row of Events. */
export interface EventRecord {
  /** CloudEvents type without the prefix: `MigrationStateChanged`. */
  type: string;
  /** The ARM id of the target server, lower case. */
  source: string;
  /** `migrations/{name}` or `migrations/{name}/databases/{db}`. */
  subject: string;
  time: string;
  data: Record<string, unknown>;
}
