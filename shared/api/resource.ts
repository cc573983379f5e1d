import { z } from 'zod';
import { timestamp } from './fields.ts';
import { tagsSchema, writableProperties } from './schemas.ts';
import type { TlsBody } from './schemas.ts';
import {
  DATABASE_STATES,
  MIGRATION_STATES,
  MIGRATION_SUB_STATES,
  STREAM_STAGES,
  TABLE_STATES,
  VALIDATION_STATES,
  VERIFY_MODES,
} from './vocabulary.ts';

/** The answers of the API. Their types are what the command line and the dashboard work with. */

const int32 = z.int32();
const count = z.number().describe('A whole number below 2^53.');
const validationState = z.enum(VALIDATION_STATES);

const validationItem = z
  .object({
    type: z.string(),
    state: validationState,
    messages: z.array(z.object({ state: validationState, message: z.string() })).optional(),
  })
  .meta({ id: 'ValidationSummaryItem' });

export const validationDetailsSchema = z
  .object({
    status: validationState.optional(),
    validationStartTimeInUtc: timestamp.optional(),
    validationEndTimeInUtc: timestamp.optional(),
    serverLevelValidationDetails: z.array(validationItem),
    dbLevelValidationDetails: z.array(
      z.object({
        databaseName: z.string(),
        startedOn: timestamp,
        endedOn: timestamp.optional(),
        summary: z.array(validationItem),
      }),
    ),
  })
  .meta({ id: 'ValidationDetails' });

const streamStatus = z
  .object({
    slot: z.string(),
    stage: z
      .enum(STREAM_STAGES)
      .optional()
      .describe('Absent as long as the stream is not consumed, and when it has failed.'),
    failure: z.string().optional().describe('Why the stream stands still.'),
    receivedLsn: z.string(),
    appliedLsn: z.string(),
    lagBytes: count.describe("WAL between the source's end and what is applied."),
    retainedBytes: count.describe('WAL that the slot keeps on the source.'),
    walStatus: z.string().optional().describe('Of pg_replication_slots; absent before 13.'),
    safeWalSize: count.optional(),
    tablesPending: int32,
    tablesCopying: int32,
    tablesReady: int32,
    unplannedTables: z
      .array(z.string())
      .describe('Tables that are not part of the migration and whose changes were left out.'),
    warnings: z.array(z.string()),
    updatedOn: timestamp,
  })
  .meta({ id: 'StreamStatus', description: 'An addition of pgmove, for Online.' });

const cutoverStatus = z
  .object({
    requestedOn: timestamp,
    endedOn: timestamp.optional(),
    durationMs: count.optional(),
    lsn: z.string().optional().describe('Position of the source that is applied, exactly.'),
    fenced: z.boolean(),
    fence: z
      .object({ acl: z.string().nullable(), readOnly: z.string().nullable() })
      .optional()
      .describe(
        'Of a source that is closed: its pg_database.datacl and default_transaction_read_only before; null: the standard ones.',
      ),
    failure: z.string().optional().describe('The database went back to replicating.'),
  })
  .meta({ id: 'CutoverStatus', description: 'An addition of pgmove, for Online.' });

const notCarriedItems = z.array(z.object({ object: z.string(), reason: z.string() }));

export const databaseStatus = z
  .object({
    databaseName: z.string(),
    migrationState: z.enum(DATABASE_STATES),
    migrationOperation: z.string(),
    startedOn: timestamp.optional(),
    endedOn: timestamp.optional(),
    fullLoadQueuedTables: int32,
    fullLoadErroredTables: int32,
    fullLoadLoadingTables: int32,
    fullLoadCompletedTables: int32,
    cdcUpdateCounter: int32,
    cdcDeleteCounter: int32,
    cdcInsertCounter: int32,
    appliedChanges: int32,
    incomingChanges: int32,
    latency: int32.describe('Seconds that the target is behind.'),
    message: z.string(),
    targetDatabaseName: z.string().describe('An addition of pgmove.'),
    tablesTotal: int32.describe('An addition of pgmove.'),
    rowsCopied: count.describe('An addition of pgmove.'),
    bytesCopied: count.describe('An addition of pgmove.'),
    bytesTotal: count.describe('An addition of pgmove: estimated when the copy is planned.'),
    notCarried: notCarriedItems.describe(
      'An addition of pgmove: what is not, or not as it was, on the target.',
    ),
    verification: z
      .object({
        mode: z.enum(VERIFY_MODES),
        tableCount: int32,
        differences: z.array(z.object({ table: z.string(), detail: z.string() })),
      })
      .optional()
      .describe('An addition of pgmove: the comparison after the copy.'),
    stream: streamStatus.optional(),
    cutover: cutoverStatus.optional(),
  })
  .meta({ id: 'DbMigrationStatus' });

const migrationStatus = z
  .object({
    state: z.enum(MIGRATION_STATES),
    error: z.string(),
    currentSubStateDetails: z.object({
      currentSubState: z.enum(MIGRATION_SUB_STATES),
      dbDetails: z.record(z.string(), databaseStatus),
      validationDetails: validationDetailsSchema.optional(),
    }),
  })
  .meta({ id: 'MigrationStatus' });

const serverMetadata = z
  .object({
    location: z.string().optional(),
    version: z.string().optional(),
    storageMb: int32.optional(),
    sku: z.object({ name: z.string().optional(), tier: z.string().optional() }).optional(),
  })
  .meta({ id: 'DbServerMetadata' });

const readOnly = <S extends z.ZodType>(schema: S) => schema.meta({ readOnly: true });
/** A schema with an id stays a component of its own; the mark goes beside the reference. */
const readOnlyProperties = {
  migrationId: readOnly(z.guid()),
  currentStatus: migrationStatus,
  sourceDbServerMetadata: serverMetadata.optional(),
  targetDbServerMetadata: serverMetadata.optional(),
  targetDbServerResourceId: readOnly(z.string()),
  createdOn: readOnly(timestamp).describe('An addition of pgmove.'),
  startedOn: readOnly(timestamp).describe('An addition of pgmove: start of this run.'),
  endedOn: readOnly(timestamp.optional()).describe('An addition of pgmove.'),
  run: readOnly(int32).describe('An addition of pgmove: 0, and one more with each resume.'),
  notCarried: readOnly(notCarriedItems.optional()).describe(
    'An addition of pgmove: what of the roles is not, or not as it was, on the target.',
  ),
};

export const migrationSchema = z
  .object({
    id: readOnly(z.string()),
    name: readOnly(z.string()),
    type: readOnly(z.string()),
    systemData: readOnly(
      z.object({
        createdAt: timestamp,
        createdByType: z.string(),
        lastModifiedAt: timestamp,
        lastModifiedByType: z.string(),
      }),
    ),
    location: z.string(),
    tags: tagsSchema.optional(),
    properties: z.object({ ...writableProperties, ...readOnlyProperties }),
  })
  .meta({ id: 'Migration' });

export const migrationListSchema = z
  .object({ value: z.array(migrationSchema), nextLink: z.string().optional() })
  .meta({ id: 'MigrationList' });

export const tableStatusSchema = z
  .object({
    tableId: z.string(),
    schema: z.string(),
    table: z.string(),
    state: z.enum(TABLE_STATES),
    rows: count,
    bytes: count,
    bytesTotal: count.describe("Estimated from the source's catalog."),
    partCount: int32,
    partsDone: int32,
    attempt: int32,
    copyMs: count.describe('Milliseconds spent copying rows.'),
    indexMs: count.describe('Milliseconds spent building indexes.'),
    error: z.string(),
    startedOn: timestamp.optional(),
    endedOn: timestamp.optional(),
  })
  .meta({ id: 'TableStatus', description: 'An addition of pgmove.' });

export const tableListSchema = z
  .object({ value: z.array(tableStatusSchema), nextLink: z.string().optional() })
  .meta({ id: 'TableList' });

const atThatTime = (text: string) => count.optional().describe(text);

export const sampleListSchema = z
  .object({
    value: z.array(
      z
        .object({
          time: timestamp.describe(
            'Beginning of the time that the sample stands for: at least 10 s.',
          ),
          rows: atThatTime('Rows copied so far.'),
          bytes: atThatTime('Bytes copied so far.'),
          appliedChanges: atThatTime('Row changes of the stream applied so far.'),
          incomingChanges: atThatTime('Row changes of the stream received so far.'),
          latencySeconds: atThatTime('Seconds that the target was behind.'),
          lagBytes: atThatTime("WAL between the source's end and what was applied."),
          slotBytes: atThatTime('WAL that the slot kept on the source.'),
        })
        .meta({
          id: 'Sample',
          description: 'A figure that nobody had at that time is absent.',
        }),
    ),
  })
  .meta({
    id: 'SampleList',
    description: 'An addition of pgmove: in order of time; at most about 1,000.',
  });

export const nameAvailabilitySchema = z
  .object({
    name: z.string(),
    type: z.string(),
    nameAvailable: z.boolean(),
    reason: z.enum(['Invalid', 'AlreadyExists']).nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: 'MigrationNameAvailability' });

export type MigrationResource = z.infer<typeof migrationSchema>;
export type MigrationList = z.infer<typeof migrationListSchema>;
export type DatabaseStatus = z.infer<typeof databaseStatus>;
export type TableStatus = z.infer<typeof tableStatusSchema>;
export type TableList = z.infer<typeof tableListSchema>;
export type SampleList = z.infer<typeof sampleListSchema>;
export type NameAvailability = z.infer<typeof nameAvailabilitySchema>;
export type TlsResource = TlsBody;
