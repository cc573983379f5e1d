import type { MigrationRef } from '../contracts/records.ts';

/**
 * What a log line may say beside its text, under these names everywhere. Ids, numbers and texts that
 * hold no row's value; never a secret.
 */
export interface LogFields {
  migrationId?: string;
  /** The migration's name. */
  migration?: string;
  database?: string;
  /** `schema.table` */
  table?: string;
  /** Name of the activity, or `stream` and `snapshot` in the replicator. */
  step?: string;
  /** The orchestration instance that the step works for. */
  instanceId?: string;
  /** Of the function call. */
  invocationId?: string;
  attempt?: number;
  generation?: number;
  slot?: string;
  queue?: string;
  /** A MigrationErrorKind. */
  kind?: string;
  error?: string;
  /** Of an error that is a defect; where it happened, without its text. */
  stack?: string;
  durationMs?: number;
}

export function fieldsOf(ref: MigrationRef, database?: string): LogFields {
  const fields = { migrationId: ref.id, migration: ref.name };
  return database === undefined ? fields : { ...fields, database };
}

/** The same on metrics and spans, as OpenTelemetry names attributes. */
export const ATTRIBUTES = {
  migrationId: 'pgmove.migration.id',
  migration: 'pgmove.migration.name',
  database: 'pgmove.database',
  table: 'pgmove.table',
  step: 'pgmove.step',
  instanceId: 'pgmove.orchestration.instance',
  invocationId: 'faas.invocation_id',
  attempt: 'pgmove.attempt',
  generation: 'pgmove.generation',
  slot: 'pgmove.slot',
  kind: 'error.type',
} as const satisfies Partial<Record<keyof LogFields, string>>;

export type Attributes = Readonly<Record<string, string | number>>;

/** Fields as attributes; texts of errors and durations are no attributes. */
export function attributesOf(fields: LogFields): Attributes {
  return Object.fromEntries(
    Object.entries(ATTRIBUTES).flatMap(([name, attribute]) => {
      const value = fields[name as keyof LogFields];
      return value === undefined ? [] : [[attribute, value]];
    }),
  );
}
