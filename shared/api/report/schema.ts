import { z } from 'zod';
import { timestamp } from '../fields.ts';
import { databaseStatus, tableStatusSchema } from '../resource.ts';
import { findingSchema, notCheckedSchema, serverSchema } from '../validationReport.ts';
import {
  DATABASE_STATES,
  MIGRATION_MODES,
  MIGRATION_OPTIONS,
  MIGRATION_STATES,
  MIGRATION_SUB_STATES,
  TLS_MODES,
  VALIDATION_STATES,
  VERIFY_MODES,
} from '../vocabulary.ts';

const count = z.number().describe('A whole number below 2^53.');
const milliseconds = z.number().describe('Milliseconds.');
const rate = z.number().describe('For each second.');

const reportServer = serverSchema.extend({ tlsMode: z.enum(TLS_MODES) });

const settingsSchema = z
  .object({
    jobs: count.describe('Connections that copy or build at once.'),
    verify: z.enum(VERIFY_MODES),
    migrateRoles: z.boolean(),
    includeTables: z.array(z.string()),
    excludeTables: z.array(z.string()),
    fenceSource: z.boolean(),
    setReplicaIdentityFull: z.boolean(),
    overwriteDbsInTarget: z.boolean(),
    setupLogicalReplicationOnSourceDbIfNeeded: z.boolean(),
    sourceOptions: z.string().optional(),
    targetOptions: z.string().optional(),
  })
  .describe('What the migration was told; never a secret.');

const copySchema = z.object({
  startedOn: timestamp,
  endedOn: timestamp.optional().describe('Absent until every table is done or failed.'),
  durationMs: milliseconds.optional(),
  rowsPerSecond: rate.optional(),
  bytesPerSecond: rate.optional(),
});

const snapshotSchema = z.object({
  takenOn: timestamp,
  lsn: z.string().optional().describe('WAL position at which it was taken; absent where unknown.'),
});

const replicationSchema = z.object({
  slot: z.string(),
  consistentPoint: z.string().describe('WAL position at which the slot begins.'),
  receivedLsn: z.string(),
  appliedLsn: z.string(),
  transactions: count,
  incomingChanges: count,
  appliedChanges: count,
  inserts: count,
  updates: count,
  deletes: count,
  truncates: count,
  latencySeconds: z.number(),
  lagBytes: count,
  unplannedTables: z.array(z.string()),
  updatedOn: timestamp,
});

const cutoverSchema = z.object({
  requestedOn: timestamp,
  endedOn: timestamp.optional(),
  durationMs: milliseconds.optional().describe('From the request until the target was complete.'),
  lsn: z.string().optional().describe('Position of the source that is applied, exactly.'),
  latencySeconds: z.number().optional().describe('How far the target was behind when it began.'),
  lagBytes: count.optional().describe('WAL that was not applied when it began.'),
  fenced: z.boolean().describe('The source was closed to everybody else.'),
  failure: z.string().optional().describe('The database went back to replicating.'),
});

const { notCarried, verification } = databaseStatus.shape;

const reportTableSchema = tableStatusSchema
  .omit({ tableId: true, bytesTotal: true, partsDone: true })
  .extend({ rowsPerSecond: rate.optional(), bytesPerSecond: rate.optional() });

const reportDatabaseSchema = z
  .object({
    databaseName: z.string(),
    targetDatabaseName: z.string(),
    state: z.enum(DATABASE_STATES),
    operation: z.string(),
    message: z.string(),
    startedOn: timestamp.optional(),
    endedOn: timestamp.optional(),
    durationMs: milliseconds.optional(),
    tablesTotal: count,
    tablesCompleted: count,
    tablesFailed: count,
    rows: count,
    bytes: count,
    bytesEstimated: count.describe("From the source's catalog, when the copy was planned."),
    copyMs: milliseconds.describe('Spent copying rows, over all tables.'),
    indexMs: milliseconds.describe('Spent building indexes, over all tables.'),
    copy: copySchema.optional(),
    snapshot: snapshotSchema.optional(),
    replication: replicationSchema.optional(),
    cutover: cutoverSchema.optional(),
    verification,
    notCarried,
    tables: z
      .array(reportTableSchema)
      .describe('Those that failed first, then the largest; all of them with tables=all.'),
    tablesLeftOut: count.describe('Tables that are not listed above.'),
  })
  .meta({ id: 'MigrationReportDatabase', description: 'An addition of pgmove.' });

const timelineSchema = z.object({
  time: timestamp,
  databaseName: z.string().optional().describe('Absent for what concerns the whole migration.'),
  state: z.string(),
  subState: z.string().optional(),
  message: z.string().optional(),
});

export const migrationReportSchema = z
  .object({
    generatedOn: timestamp,
    pgmoveVersion: z.string().describe('Of the service that wrote the report.'),
    isFinal: z.boolean().describe('False while the migration is in progress.'),
    migrationId: z.string(),
    migrationName: z.string(),
    resourceId: z.string(),
    migrationMode: z.enum(MIGRATION_MODES),
    migrationOption: z.enum(MIGRATION_OPTIONS),
    sourceType: z.string(),
    run: count.describe('0, and one more with each resume.'),
    state: z.enum(MIGRATION_STATES),
    subState: z.enum(MIGRATION_SUB_STATES),
    error: z.string(),
    createdOn: timestamp,
    startedOn: timestamp.describe('Start of the last run.'),
    endedOn: timestamp.optional(),
    durationMs: milliseconds.describe('Of the last run, until its end or until now.'),
    source: reportServer,
    target: reportServer,
    settings: settingsSchema,
    decisions: z
      .array(z.string())
      .describe('What the operator allowed, switched off or left out, as sentences.'),
    totals: z.object({
      databases: count,
      tables: count,
      tablesCompleted: count,
      tablesFailed: count,
      rows: count,
      bytes: count,
      notCarried: count,
    }),
    notCarried: notCarried.describe('Of no database alone: the roles.'),
    databases: z.array(reportDatabaseSchema),
    validation: z
      .object({
        status: z.enum(VALIDATION_STATES).optional(),
        startedOn: timestamp.optional(),
        endedOn: timestamp.optional(),
        durationMs: milliseconds.optional(),
        findings: z.array(findingSchema),
        notChecked: z.array(notCheckedSchema),
      })
      .optional()
      .describe('Absent when nothing was validated.'),
    warnings: z.array(z.object({ databaseName: z.string().optional(), message: z.string() })),
    timeline: z.array(timelineSchema),
  })
  .meta({ id: 'MigrationReport', description: 'An addition of pgmove.' });

export type MigrationReport = z.infer<typeof migrationReportSchema>;
export type ReportDatabase = MigrationReport['databases'][number];
export type ReportTable = ReportDatabase['tables'][number];
