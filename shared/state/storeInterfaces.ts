import type { RuntimeId, RuntimeRecord } from '../contracts/runtimes.ts';
import type { CopyWork } from '../contracts/copyWork.ts';
import type { DeliveryRecord, QueueProblem, Refusal } from '../contracts/deliveries.ts';
import type {
  DatabaseClaim,
  DatabaseRecord,
  EventRecord,
  MigrationRecord,
  MigrationRef,
  ReplicationRecord,
  TableRecord,
} from '../contracts/records.ts';
import type { QueueName } from '../contracts/names.ts';
import type { TableState } from '../contracts/status.ts';

/** What a change makes of a record; undefined leaves the row as it is. */
export interface Change<T> {
  record: T;
  /** Go to the row's outbox in the same write. */
  events?: EventRecord[];
}

export interface Page<T> {
  rows: T[];
  continuation?: string;
}

/** An event in a row's outbox; the id is the same however often it is published. */
export interface OutboxEntry {
  id: string;
  event: EventRecord;
}

/** Which migrations a timer looks at; all conditions given must hold. */
export interface MigrationFilter {
  ended?: boolean;
  hasOutbox?: boolean;
  /** ISO 8601. */
  endedBefore?: string;
}

export type ListFilter = 'Active' | 'All';

export interface MigrationStore {
  get(ref: MigrationRef): Promise<MigrationRecord | undefined>;
  find(scope: string, name: string): Promise<MigrationRecord | undefined>;
  list(scope: string, filter: ListFilter): AsyncIterable<MigrationRecord>;
  page(
    scope: string,
    filter: ListFilter,
    options?: { top?: number; continuation?: string },
  ): Promise<Page<MigrationRecord>>;
  /** Over all scopes, for timers: a scan of the table. */
  listEverywhere(filter?: MigrationFilter): AsyncIterable<MigrationRecord>;
  /** @throws MigrationError targetOccupied when the name is taken. */
  create(record: MigrationRecord, events?: EventRecord[]): Promise<void>;
  /**
   * Reads, changes and writes the row under its ETag, again when another writer was faster: the
   * change may run more than once and must not do anything else.
   *
   * @throws MigrationError invalidInput when there is no such row.
   */
  update(
    ref: MigrationRef,
    change: (record: MigrationRecord) => Change<MigrationRecord> | undefined,
  ): Promise<MigrationRecord>;
  delete(ref: MigrationRef): Promise<void>;
  outbox(ref: MigrationRef): Promise<OutboxEntry[]>;
  clearOutbox(ref: MigrationRef, ids: string[]): Promise<void>;
}

export interface OpenDatabase {
  database: string;
  /** Place in the order of work. */
  order: number;
  /** The run that has claimed it last. */
  claimOwner?: string;
  /** Claimed by exactly this claim; false when none was asked for. */
  isOfClaim: boolean;
}

export interface DatabaseStore {
  get(migrationId: string, database: string): Promise<DatabaseRecord | undefined>;
  /** All databases of a migration, by name. */
  list(migrationId: string): Promise<DatabaseRecord[]>;
  /**
   * Those that have not succeeded, and whichever the claim has got: what a lane chooses from. Reads
   * a few columns instead of the records, because a lane does it for every database.
   */
  listOpen(migrationId: string, claim?: DatabaseClaim): Promise<OpenDatabase[]>;
  /** Inserts or replaces; the row's outbox is kept. */
  put(record: DatabaseRecord): Promise<void>;
  /** As MigrationStore.update. */
  update(
    migrationId: string,
    database: string,
    change: (record: DatabaseRecord) => Change<DatabaseRecord> | undefined,
  ): Promise<DatabaseRecord>;
  deleteAll(migrationId: string): Promise<void>;
  outbox(migrationId: string, database: string): Promise<OutboxEntry[]>;
  clearOutbox(migrationId: string, database: string, ids: string[]): Promise<void>;
  /** Rows whose outbox is not empty, of one migration or of all. */
  listWithOutbox(migrationId?: string): AsyncIterable<DatabaseRecord>;
}

export type TablePatch = Partial<TableRecord> & { tableId: string };

export interface TableStore {
  /** Inserts or replaces, 100 rows in a transaction. */
  putMany(migrationId: string, database: string, rows: readonly TableRecord[]): Promise<void>;
  /** Changes only the properties given; rows that are missing are created with them. */
  updateMany(migrationId: string, database: string, patches: readonly TablePatch[]): Promise<void>;
  page(
    migrationId: string,
    database: string,
    options?: { state?: TableState; top?: number; continuation?: string },
  ): Promise<Page<TableRecord>>;
  /** Every table, with all its columns or just those named. */
  all<Column extends keyof TableRecord = keyof TableRecord>(
    migrationId: string,
    database: string,
    columns?: readonly Column[],
  ): AsyncIterable<Pick<TableRecord, Column>>;
  deleteAll(migrationId: string, database: string): Promise<void>;
}

/** Rows of which each database of a migration has one, and from which no events come. */
export interface DatabaseRows<T> {
  get(migrationId: string, database: string): Promise<T | undefined>;
  /** Of one migration, or of all. */
  list(migrationId?: string): AsyncIterable<T>;
  put(record: T): Promise<void>;
  /** As MigrationStore.update, without events. */
  update(migrationId: string, database: string, change: (record: T) => T | undefined): Promise<T>;
  delete(migrationId: string, database: string): Promise<void>;
}

export interface ReplicationStore extends DatabaseRows<ReplicationRecord> {
  /** Rows of the deployment's migrations that are not released. */
  listUnsettled(): AsyncIterable<ReplicationRecord>;
}

export type CopyWorkStore = DatabaseRows<CopyWork>;

/**
 * `migration`: its databases and their streams, by its id. `tables`: by `tablesMark`. `rows`: the rows of
 * all migrations, by `ALL_MIGRATIONS`.
 */
export type MarkedKind = 'migration' | 'tables' | 'rows';

/** Tells whether rows have changed without reading them: equal marks, equal rows. */
export interface ChangeMarks {
  /** After a change. Never fails; at most once a second something is written. */
  touch(kind: MarkedKind, key: string): Promise<void>;
  /** Empty when nothing was ever marked. */
  read(kind: MarkedKind, key: string): Promise<string>;
  readAll(kind: MarkedKind): Promise<{ of(key: string): string }>;
  delete(kind: MarkedKind, key: string): Promise<void>;
}

export interface StoredEvent {
  /** 1, 2, 3 … for each migration. */
  sequence: number;
  id: string;
  event: EventRecord;
}

/** What is shown as curves. Cumulative counts, and figures of the moment. */
export interface SampleFigures {
  /** Copied so far. */
  rows?: number;
  bytes?: number;
  /** Row changes of the stream so far. */
  appliedChanges?: number;
  incomingChanges?: number;
  /** How far the target is behind the source. */
  latencySeconds?: number;
  lagBytes?: number;
  /** WAL that the slot keeps on the source. */
  slotBytes?: number;
}

export interface Sample extends SampleFigures {
  /** ISO 8601: the beginning of the ten seconds, or of the longer time, that it stands for. */
  time: string;
}

/** A bounded history of each database, for charts. */
export interface SampleStore {
  /**
   * Notes figures, whole or a part of them; most calls write nothing. Never fails.
   *
   * @param isLast They are the last ones for a while and are written in any case.
   */
  note(
    migrationId: string,
    database: string,
    figures: SampleFigures,
    isLast?: boolean,
  ): Promise<void>;
  /** In order of time; only those after `after` (ISO 8601). */
  list(migrationId: string, database: string, after?: string): Promise<Sample[]>;
  deleteAll(migrationId: string, database: string): Promise<void>;
}

/** With what became of it beside the table. */
export interface LoggedEvent extends StoredEvent {
  /** By destinations that refused it for good. */
  refusals: Refusal[];
}

export interface EventStore {
  /** Inserts each event unless one of its id is there; either way answers its sequence number. */
  append(migrationId: string, entries: readonly OutboxEntry[]): Promise<number[]>;
  /** In order of their sequence. */
  list(migrationId: string): AsyncIterable<LoggedEvent>;
  /** Those behind a sequence number, in order; at most `top`, and none only when there is none. */
  page(migrationId: string, options: { after: number; top: number }): Promise<LoggedEvent[]>;
  noteRefusal(migrationId: string, sequence: number, refusal: Refusal): Promise<void>;
  /** A queue message about the migration's events was given up. */
  noteProblem(migrationId: string, queue: string, now: string): Promise<void>;
  problems(migrationId: string): Promise<QueueProblem[]>;
  deleteAll(migrationId: string): Promise<void>;
}

/** Somewhere events go beside the table. */
export interface DestinationName {
  id: string;
  name: string;
}

export interface DeliveryStore {
  get(migrationId: string, destination: string): Promise<DeliveryRecord | undefined>;
  /** Of one migration. */
  list(migrationId: string): Promise<DeliveryRecord[]>;
  /** Over all migrations: those with events to deliver, and those of purged migrations. */
  listOpen(): AsyncIterable<DeliveryRecord>;
  /** Events up to this sequence number are stored: the destination is to get them. */
  note(migrationId: string, destination: DestinationName, sequence: number): Promise<void>;
  /** As MigrationStore.update, without events. */
  update(
    migrationId: string,
    destination: string,
    change: (record: DeliveryRecord) => DeliveryRecord | undefined,
  ): Promise<DeliveryRecord>;
  deleteAll(migrationId: string): Promise<void>;
}

export interface BlobStore {
  putJson(path: string, value: unknown): Promise<void>;
  getJson<T>(path: string): Promise<T | undefined>;
  /**
   * One JSON value per line, encoded and sent piece by piece; readers see all of it or nothing.
   * `values` may be asked for more than once, and gives the same each time.
   */
  putLines(path: string, values: () => Iterable<unknown>): Promise<void>;
  /** Parses one line after the other as they arrive; undefined when there is no such blob. */
  getLines<T>(path: string): Promise<AsyncIterable<T> | undefined>;
  deletePrefix(prefix: string): Promise<void>;
}

export interface QueueMessage {
  text: string;
  dequeueCount: number;
  delete(): Promise<void>;
  /** Hides it for this long from now; false when it is not this receiver's any more. */
  hide(seconds: number): Promise<boolean>;
}

export interface QueueStore {
  /**
   * `isKept`: the message stays until it is deleted. Default: it is gone after seven days.
   * `delaySeconds`: it is not seen before. Default 0.
   * `runtime`: into the queue of that deployment. Default: this one's.
   */
  send(
    queue: QueueName,
    text: string,
    options?: { isKept?: boolean; delaySeconds?: number; runtime?: RuntimeId },
  ): Promise<void>;
  receive(
    queue: QueueName,
    options?: { max?: number; visibilitySeconds?: number; signal?: AbortSignal },
  ): Promise<QueueMessage[]>;
}

export interface RuntimeStore {
  put(record: RuntimeRecord): Promise<void>;
  get(id: string): Promise<RuntimeRecord | undefined>;
  list(): Promise<RuntimeRecord[]>;
}

/** All of them; `openStores` in stores.ts gives one. */
export interface Stores {
  migrations: MigrationStore;
  databases: DatabaseStore;
  tables: TableStore;
  replications: ReplicationStore;
  copyWork: CopyWorkStore;
  events: EventStore;
  samples: SampleStore;
  marks: ChangeMarks;
  deliveries: DeliveryStore;
  blobs: BlobStore;
  queues: QueueStore;
  runtimes: RuntimeStore;
  /** Creates what is missing; see ensureStores. */
  ensure(): Promise<void>;
}
