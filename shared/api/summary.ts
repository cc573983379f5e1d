import { z } from 'zod';
import type { MigrationRecord } from '../contracts/records.ts';
import { timestamp } from './fields.ts';
import { migrationResourceId } from './path.ts';
import {
  MIGRATION_MODES,
  MIGRATION_OPTIONS,
  MIGRATION_STATES,
  MIGRATION_SUB_STATES,
} from './vocabulary.ts';

export const migrationSummarySchema = z
  .object({
    id: z.string().describe('The ARM id, where the whole migration is.'),
    name: z.string(),
    state: z.enum(MIGRATION_STATES),
    subState: z.enum(MIGRATION_SUB_STATES),
    error: z.string().describe('Cut after 300 characters; empty unless failed.'),
    migrationOption: z.enum(MIGRATION_OPTIONS),
    migrationMode: z.enum(MIGRATION_MODES),
    sourceType: z.string(),
    sourceServer: z.string().describe('host:port'),
    targetServer: z.string().describe('host:port'),
    databases: z.array(z.string()).describe('At most 50 of them.'),
    databaseCount: z.int32(),
    startedOn: timestamp.describe('Of the newest run.'),
    endedOn: timestamp.optional(),
  })
  .meta({ id: 'MigrationSummary', description: 'An addition of pgmove.' });

export const migrationSummaryListSchema = z
  .object({ value: z.array(migrationSummarySchema) })
  .meta({ id: 'MigrationSummaryList', description: 'Newest first.' });

export type MigrationSummary = z.infer<typeof migrationSummarySchema>;
export type MigrationSummaryList = z.infer<typeof migrationSummaryListSchema>;

const ERROR_LIMIT = 300;
const DATABASE_LIMIT = 50;

/** A line of the list of all migrations: what the migration's own row says, and nothing else. */
export function toSummary(record: MigrationRecord): MigrationSummary {
  const { spec, status, wanted } = record;
  return {
    id: migrationResourceId(record, record.ref.name),
    name: record.ref.name,
    state: status.state,
    subState: status.subState,
    error: 'error' in status ? status.error.slice(0, ERROR_LIMIT) : '',
    migrationOption: spec.option,
    migrationMode: spec.mode,
    sourceType: spec.sourceType,
    sourceServer: `${spec.source.host}:${spec.source.port}`,
    targetServer: `${spec.target.host}:${spec.target.port}`,
    databases: wanted.databases.slice(0, DATABASE_LIMIT),
    databaseCount: wanted.databases.length,
    startedOn: record.startedOn,
    ...(record.endedOn === undefined ? {} : { endedOn: record.endedOn }),
  };
}
