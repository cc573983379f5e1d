import type { MigrationSpec, ValidationState } from '../contracts/records.ts';
import type { PgSession } from '../pg/connect.ts';
import type { TableFilter } from '../pg/tablePattern.ts';
import type { ArmReading } from './armServer.ts';

/** What of the migration a rule may depend on. */
export type CheckedSpec = Pick<
  MigrationSpec,
  'mode' | 'includeTables' | 'excludeTables' | 'setReplicaIdentityFull'
> &
  Partial<Pick<MigrationSpec, 'jobs' | 'migrateRoles' | 'targetDbNames' | 'targetStorageMb'>>;

/** What a database rule looks at. Nothing is written on either side. */
export interface DatabaseRuleContext {
  database: string;
  spec: CheckedSpec;
  source: PgSession;
  /** A maintenance database of the target server: the database itself may not be there yet. */
  target: PgSession;
  /** The target database, where it is there and holds nothing of this migration. */
  existing?: PgSession;
  /** overwriteDbsInTarget: what is there is dropped. */
  isOverwriteWanted?: boolean;
  /** azure.extensions of the target, as Azure says it. */
  allowedExtensions?: readonly string[];
}

/** What a rule about the two servers looks at: maintenance databases of both. */
export interface ServerRuleContext {
  spec: CheckedSpec;
  source: PgSession;
  target: PgSession;
  /** Databases that are still to be migrated. */
  databaseCount: number;
  /** Their names on the source. */
  databases?: readonly string[];
  /** Replication slots that this migration has already. */
  ownSlots: readonly string[];
  /** setupLogicalReplicationOnSourceDbIfNeeded. */
  isSetupWanted: boolean;
  isOverwriteWanted?: boolean;
  /** The target as Azure describes it. */
  targetResource?: ArmReading;
}

/** What a rule about the servers' resources in Azure looks at: no session is needed. */
export interface ResourceRuleContext {
  spec: CheckedSpec;
  sourceResource: ArmReading;
  targetResource: ArmReading;
}

export type Severity = Exclude<ValidationState, 'Succeeded'>;

/** What a rule found. */
export interface Finding {
  /** The rule's own severity when absent. */
  state?: Severity;
  /** Of the published service; the rule's own when absent. */
  code?: string;
  /** What is wrong, as sentences that name the objects. */
  message: string;
  /** Statements that cure it, with the objects' names, to be run as they are. */
  sql?: { on: 'source' | 'target'; statements: readonly string[] };
  /** What to do, where that is no SQL, or besides it. */
  steps?: string;
}

/** What a rule could not look at, and why, as a sentence: neither a finding nor a pass. */
export interface NotChecked {
  notChecked: string;
}

interface Rule<Type extends string, Context> {
  /** Ours, in messages: `tables-readable`. */
  id: string;
  /** The published service's word for the group. */
  type: Type;
  /** What a finding comes to unless it says otherwise; a rule is not run in a mode that it lacks. */
  severity: { offline?: Severity; online?: Severity };
  /** Codes of the published service that its findings may have; the first one unless they say so. */
  codes?: readonly string[];
  /** One sentence for the documents. */
  looksAt: string;
  /** One or two sentences for the documents; a finding has it with names. */
  remedy: string;
  /** The right that it needs beyond a connection, said when it is missing. */
  needs?: string;
  check(context: Context): Promise<(Finding | NotChecked)[]>;
}

export type DatabaseRule = Rule<
  'SchemaValidation' | 'ExtensionsValidation' | 'CollationsValidation',
  DatabaseRuleContext
>;

export type ServerRule = Rule<
  | 'AuthenticationAndConnectivityValidation'
  | 'SourceVersionValidation'
  | 'ServerParametersValidation',
  ServerRuleContext
>;

/** A rule about the servers' resources in Azure. */
export type ResourceRule = Rule<'ServerParametersValidation', ResourceRuleContext>;

const NAMED_AT_MOST = 20;

/** The first names of a list, and how many more there are. */
export function someNames(names: readonly string[]): string {
  const more = names.length - NAMED_AT_MOST;
  return names.slice(0, NAMED_AT_MOST).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** One finding about all of the objects, or none. */
export function findingOn<Item>(
  items: readonly Item[],
  finding: (items: readonly Item[]) => Finding,
): Finding[] {
  return items.length === 0 ? [] : [finding(items)];
}

export function filterOf(spec: CheckedSpec): TableFilter {
  return { include: spec.includeTables, exclude: spec.excludeTables };
}
