import { z } from 'zod';
import type {
  MigrationRecord,
  ServerMetadata,
  ServerSpec,
  ValidationItem,
  ValidationState,
} from '../contracts/records.ts';
import type { RuleRun } from '../contracts/ruleRun.ts';
import { timestamp } from './fields.ts';
import { validationDetailsSchema } from './resource.ts';
import { MIGRATION_MODES, VALIDATION_STATES } from './vocabulary.ts';

const state = z.enum(VALIDATION_STATES);
const count = z.number().describe('A whole number below 2^53.');

export const findingSchema = z
  .object({
    state,
    databaseName: z.string().optional().describe('Absent for what concerns the servers.'),
    type: z.string().describe('Group of the published service.'),
    ruleId: z.string().optional(),
    code: z.string().optional().describe('Of the published service, where it has one.'),
    message: z.string(),
    remedy: z.string().optional().describe('SQL, to be run as it is.'),
  })
  .meta({ id: 'ValidationFinding', description: 'An addition of pgmove.' });

const ruleSchema = z
  .object({
    ruleId: z.string(),
    databaseName: z.string().optional().describe('Absent for what concerns the servers.'),
    type: z.string().describe('Group of the published service.'),
    state: z
      .enum([...VALIDATION_STATES, 'NotChecked'])
      .describe('NotChecked: nothing was found, but not everything could be looked at.'),
    startedOn: timestamp,
    endedOn: timestamp,
    durationMs: count,
  })
  .meta({ id: 'ValidationRule', description: 'An addition of pgmove: one rule that was run.' });

export const notCheckedSchema = z
  .object({
    ruleId: z.string(),
    databaseName: z.string().optional().describe('Absent for what concerns the servers.'),
    reason: z.string(),
  })
  .meta({
    id: 'ValidationNotChecked',
    description: 'An addition of pgmove: what a rule could not look at. It is no pass.',
  });

const estimateSchema = z
  .object({
    tableCount: count,
    tableBytes: count,
    indexBytes: count,
    largestTables: z.array(z.object({ name: z.string(), bytes: count })),
    bytesPerSecond: count.optional().describe('Of one connection, by a short read.'),
    seconds: count.optional().describe('Roughly, for rows and indexes.'),
  })
  .meta({ id: 'CopyEstimate', description: 'An estimate, and no more; of a Validate only.' });

export const serverSchema = z.object({
  host: z.string(),
  port: z.int32(),
  user: z.string(),
  version: z.string().optional(),
});

export const validationReportSchema = z
  .object({
    migrationId: z.string(),
    migrationName: z.string(),
    migrationMode: z.enum(MIGRATION_MODES),
    status: state.optional().describe('Absent until every rule has run.'),
    error: z.string().describe('Why the validation could not go on, if it could not.'),
    startedOn: timestamp.optional(),
    endedOn: timestamp.optional(),
    durationMs: count.optional(),
    source: serverSchema,
    target: serverSchema,
    databases: z.array(
      z.object({
        databaseName: z.string(),
        targetDatabaseName: z.string(),
        status: state.optional().describe('Absent until its rules have run.'),
        durationMs: count.optional(),
        failed: count,
        warnings: count,
        estimate: estimateSchema.optional(),
      }),
    ),
    findings: z
      .array(findingSchema)
      .describe('What failed first, then the warnings; the servers before the databases.'),
    notChecked: z.array(notCheckedSchema),
    rules: z.array(ruleSchema).describe('In the order they ran: the servers, then each database.'),
    validationDetails: validationDetailsSchema.optional(),
  })
  .meta({ id: 'ValidationReport', description: 'An addition of pgmove.' });

export type ValidationReport = z.infer<typeof validationReportSchema>;
export type ValidationFinding = ValidationReport['findings'][number];

/** The rules of one database, or of the servers. */
export interface ScopedRuns {
  databaseName?: string;
  runs: readonly RuleRun[];
}

/** All that a validation found, from what is stored of it; also while it still runs. */
export function toValidationReport(
  record: MigrationRecord,
  runs: readonly ScopedRuns[] = [],
): ValidationReport {
  const { ref, spec, validation, status } = record;
  const database = new Map(
    validation?.dbLevelValidationDetails.map((item) => [item.databaseName, item]),
  );
  const findings = [
    ...findingsOf(validation?.serverLevelValidationDetails ?? []),
    ...[...database.values()].flatMap((item) => findingsOf(item.summary, item.databaseName)),
  ];
  const countOf = (name: string, wanted: ValidationState) =>
    findings.filter((item) => item.databaseName === name && item.state === wanted).length;
  return {
    migrationId: ref.id,
    migrationName: ref.name,
    migrationMode: spec.mode,
    ...(validation?.status === undefined ? {} : { status: validation.status }),
    error: 'error' in status ? status.error : '',
    ...timesOf(validation?.validationStartTimeInUtc, validation?.validationEndTimeInUtc),
    source: serverOf(spec.source, record.sourceMetadata),
    target: serverOf(spec.target, record.targetMetadata),
    databases: record.wanted.databases.map((name) => {
      const details = database.get(name);
      const estimate = record.estimates?.[name];
      const { durationMs } = timesOf(details?.startedOn, details?.endedOn);
      return {
        databaseName: name,
        targetDatabaseName: spec.targetDbNames[name] ?? name,
        ...(details === undefined ? {} : { status: worst(details.summary) }),
        ...(durationMs === undefined ? {} : { durationMs }),
        failed: countOf(name, 'Failed'),
        warnings: countOf(name, 'Warning'),
        ...(estimate === undefined ? {} : { estimate }),
      };
    }),
    findings: findings.sort((a, b) => rank(a) - rank(b)),
    ...rulesOf(runs),
    ...(validation === undefined ? {} : { validationDetails: validation }),
  };
}

function rulesOf(scopes: readonly ScopedRuns[]): Pick<ValidationReport, 'rules' | 'notChecked'> {
  const flat = scopes.flatMap(({ databaseName, runs }) =>
    runs.map((run) => ({ scope: databaseName === undefined ? {} : { databaseName }, run })),
  );
  return {
    notChecked: flat.flatMap(({ scope, run: { ruleId, notChecked = [] } }) =>
      notChecked.map((reason) => ({ ruleId, ...scope, reason })),
    ),
    rules: flat.map(({ scope, run: { ruleId, type, state: found, startedOn, durationMs } }) => ({
      ruleId,
      ...scope,
      type,
      state: found,
      startedOn,
      endedOn: new Date(Date.parse(startedOn) + durationMs).toISOString(),
      durationMs,
    })),
  };
}

function findingsOf(items: readonly ValidationItem[], databaseName?: string): ValidationFinding[] {
  return items.flatMap(({ type, messages = [] }) =>
    messages.map(({ state: found, message }) => ({
      state: found,
      ...(databaseName === undefined ? {} : { databaseName }),
      type,
      ...partsOf(message),
    })),
  );
}

/** `rule-id (code): what is wrong. On the source: statements`, or `rule-id could not be checked: …`. */
const RULE_MESSAGE = /^([a-z][a-z0-9]*(?:-[a-z0-9]+)+)(?: \((\d{6})\))?(?:: | (?=could not be ))/;
const REMEDY = / On the (source|target): ([^]+)$/;

/** A message of the published shape is one text, which has all that a rule says. */
function partsOf(text: string): Pick<ValidationFinding, 'message' | 'ruleId' | 'code' | 'remedy'> {
  const prefix = RULE_MESSAGE.exec(text);
  if (prefix === null) return { message: text };
  const [whole, ruleId = '', code] = prefix;
  const rest = text.slice(whole.length);
  const remedy = REMEDY.exec(rest);
  return {
    ruleId,
    ...(code === undefined ? {} : { code }),
    message: remedy === null ? rest : rest.slice(0, remedy.index),
    ...(remedy === null ? {} : { remedy: `-- On the ${remedy[1]}:\n${remedy[2]}` }),
  };
}

function rank(finding: ValidationFinding): number {
  return ['Failed', 'Warning', 'Succeeded'].indexOf(finding.state);
}

function worst(items: readonly ValidationItem[]): ValidationState {
  if (items.some((item) => item.state === 'Failed')) return 'Failed';
  return items.some((item) => item.state === 'Warning') ? 'Warning' : 'Succeeded';
}

function timesOf(
  startedOn: string | undefined,
  endedOn: string | undefined,
): Pick<ValidationReport, 'startedOn' | 'endedOn' | 'durationMs'> {
  if (startedOn === undefined) return {};
  if (endedOn === undefined) return { startedOn };
  return { startedOn, endedOn, durationMs: Date.parse(endedOn) - Date.parse(startedOn) };
}

export function serverOf(
  { host, port, user }: ServerSpec,
  metadata: ServerMetadata | undefined,
): ValidationReport['source'] {
  const version = metadata?.version;
  return { host, port, user, ...(version === undefined ? {} : { version }) };
}
