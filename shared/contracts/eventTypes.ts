import { z } from 'zod';
import type { MigrationErrorKind } from '../errors/migrationError.ts';

/**
 * The closed catalogue of events: what each type is told for, about whom, and what its data has.
 * docs/events.md is made from it. No event ever has a row's value or a secret.
 */

/** In front of every type where it leaves the service: reverse-DNS names are for those who own one. */
export const EVENT_TYPE_PREFIX = 'pgmove.PostgresMigration.';

const count = z.number().int().nonnegative();
const time = z.string().describe('ISO 8601, UTC.');

const of = {
  migrationId: z.string().describe('GUID; a name that is used again has another one.'),
  migrationName: z.string(),
  sequence: count.optional().describe('1, 2, 3 … for each migration, without gaps.'),
};

/** Kinds of errors, and what is no single error. */
export const ERROR_CODES = [
  'connectionFailed',
  'authenticationFailed',
  'tlsFailed',
  'databaseMissing',
  'permissionDenied',
  'versionUnsupported',
  'snapshotLost',
  'fenced',
  'targetOccupied',
  'schemaFailed',
  'dataFailed',
  'diverged',
  'schemaChanged',
  'slotLost',
  'lockTimeout',
  'resourceExhausted',
  'toolFailed',
  'invalidInput',
  'canceled',
  'internal',
  // A rule of the validation failed.
  'validationFailed',
  // Tables failed, each for a reason of its own.
  'tablesFailed',
  // The orchestration ended before the migration had.
  'abandoned',
  // The message says more.
  'other',
] as const satisfies readonly (
  MigrationErrorKind | 'validationFailed' | 'tablesFailed' | 'abandoned' | 'other'
)[];

export type ErrorCode = (typeof ERROR_CODES)[number];

const errorCode = z.enum(ERROR_CODES).describe('What kind of failure it is.');

const databaseCounters = z
  .object({
    tables: count.describe('Tables of the plan.'),
    tablesCompleted: count,
    tablesFailed: count,
    rowsCopied: count,
    bytesCopied: count,
    bytesTotal: count.describe("Estimated from the source's catalog."),
  })
  .describe('How far the copy is.');

const migrationCounters = z
  .object({
    databases: count,
    databasesSucceeded: count,
    databasesFailed: count,
    databasesCanceled: count,
    tablesCompleted: count,
    tablesFailed: count,
    rowsCopied: count,
    bytesCopied: count,
  })
  .describe('Over all databases.');

const migrationChange = {
  ...of,
  state: z.string().describe('As `currentStatus.state` of the resource.'),
  subState: z.string().describe('As `currentSubState` of the resource.'),
  previousState: z.string(),
  previousSubState: z.string(),
};

const migrationEnd = {
  ...migrationChange,
  startedOn: time,
  endedOn: time,
  durationSeconds: z.number().nonnegative().describe('Of this run.'),
  counters: migrationCounters.optional(),
};

const migrationError = {
  error: z.string().describe('What failed, for people; cut off after 2,000 characters.'),
  errorCode,
};

const databaseScope = { ...of, databaseName: z.string().describe('As on the source.') };

const databaseChange = {
  ...databaseScope,
  targetDatabaseName: z.string(),
  state: z.string().describe('As `migrationState` of the database.'),
  previousState: z.string(),
};

const changed = z.object({
  ...migrationChange,
  error: migrationError.error.optional(),
  errorCode: errorCode.optional(),
  counters: migrationCounters.optional(),
});

export const EVENT_TYPES = {
  MigrationCreated: {
    about: 'migration',
    when: 'A migration was created by PUT.',
    data: z.object({
      ...of,
      state: z.string(),
      subState: z.string(),
      migrationMode: z.string().describe('`Offline` or `Online`.'),
      migrationOption: z.string().describe('`Validate`, `ValidateAndMigrate` or `Migrate`.'),
      databases: z.array(z.string()).describe('The first 100 that are to be migrated.'),
      databaseCount: count,
    }),
  },
  MigrationStateChanged: {
    about: 'migration',
    when: 'State or substate of a migration changed: each step, each gate, each end, and a resume.',
    data: changed,
  },
  ValidationCompleted: {
    about: 'migration',
    when: 'Every rule of the validation has run, whatever it found.',
    data: z.object({
      ...of,
      status: z.string().describe('`Succeeded`, `Warning` or `Failed`.'),
      failedFindings: count,
      warningFindings: count,
      failedDatabases: z.array(z.string()).describe('The first 100 with a finding that failed.'),
      startedOn: time.optional(),
      endedOn: time,
    }),
  },
  DatabaseStateChanged: {
    about: 'database',
    when: 'The state of a database changed.',
    data: z.object({
      ...databaseChange,
      operation: z.string().describe('What is being done, for people.'),
      message: z.string().describe('Why it failed, for people; cut off after 2,000 characters.'),
      errorCode: errorCode.optional(),
      counters: databaseCounters,
    }),
  },
  TableFailed: {
    about: 'database',
    when: 'A table could not be copied, or its indexes not be built; at most 100 for each run of a database.',
    data: z.object({
      ...databaseScope,
      tableId: z.string().describe('Its oid on the source.'),
      schema: z.string(),
      table: z.string(),
      error: z.string(),
    }),
  },
  CutoverReady: {
    about: 'both',
    when: 'A database has caught up and waits for its cutover; and the migration, when all its databases do. Again after a cutover that failed.',
    data: z.object({
      ...of,
      databaseName: databaseScope.databaseName.optional(),
      state: z.string(),
      previousState: z.string(),
      waitingSince: time.optional(),
    }),
  },
  CutoverStarted: {
    about: 'database',
    when: 'The cutover of a database began: from here on its source should not be written to.',
    data: z.object({
      ...databaseScope,
      requestedOn: time,
      fenced: z.boolean().describe('The source is closed to everybody but the migration.'),
    }),
  },
  CutoverFailed: {
    about: 'database',
    when: 'The cutover of a database failed; it went back to replicating, the source is open.',
    data: z.object({ ...databaseScope, requestedOn: time, failedOn: time, error: z.string() }),
  },
  MigrationSucceeded: {
    about: 'migration',
    when: 'A migration ended with everything that was asked for.',
    data: z.object(migrationEnd),
  },
  MigrationFailed: {
    about: 'migration',
    when: 'A migration ended as failed (state `Failed` or `ValidationFailed`); it can be resumed.',
    data: z.object({ ...migrationEnd, ...migrationError }),
  },
  MigrationCanceled: {
    about: 'migration',
    when: 'A migration ended because it was canceled; it can be resumed.',
    data: z.object(migrationEnd),
  },
  LatencyThresholdExceeded: {
    about: 'database',
    when: 'The target fell further behind than `PGMOVE_LATENCY_WARNING_SECONDS`. Once for each crossing: the next one comes only after the latency was below half of it.',
    data: z.object({
      ...databaseScope,
      latencySeconds: z.number().describe('How far the target is behind.'),
      thresholdSeconds: count,
      lagBytes: count.describe('WAL of the source that is not applied yet.'),
      stage: z.string().describe('`copying`, `consistent`, `caughtUp` or `drained`.'),
    }),
  },
  SlotThresholdExceeded: {
    about: 'database',
    when: 'The replication slot keeps more WAL on the source than `PGMOVE_SLOT_WARNING_MB`. Once for each crossing: the next one comes only after it kept less than half of it.',
    data: z.object({
      ...databaseScope,
      slot: z.string(),
      retainedBytes: count,
      thresholdBytes: count,
      walStatus: z.string().optional().describe('Of pg_replication_slots; absent before 13.'),
      safeWalSize: z.number().optional().describe('Bytes left before the slot is lost.'),
    }),
  },
  SlotDropped: {
    about: 'database',
    when: 'The slot that a failed database kept for a resume was dropped; a resume copies again.',
    data: z.object({ ...databaseScope, slot: z.string(), reason: z.string() }),
  },
} as const satisfies Record<
  string,
  { about: 'migration' | 'database' | 'both'; when: string; data: z.ZodObject }
>;

export type EventType = keyof typeof EVENT_TYPES;

/** Who it is about is added where the event is made, its number where it is stored. */
export type EventData<Type extends EventType> = Omit<
  z.infer<(typeof EVENT_TYPES)[Type]['data']>,
  'migrationId' | 'migrationName' | 'sequence' | 'databaseName'
>;

export type MigrationCounters = z.infer<typeof migrationCounters>;
