import type { MigrationSpec, ValidationState } from '../contracts/records.ts';
import type { PgSession } from '../pg/connect.ts';
import type { TableFilter } from '../pg/tablePattern.ts';

/** What of the migration a rule may depend on. */
export type CheckedSpec = Pick<
  MigrationSpec,
  'mode' | 'includeTables' | 'excludeTables' | 'setReplicaIdentityFull'
>;

/** What a database rule looks at. Nothing is written on either side. */
export interface DatabaseRuleContext {
  database: string;
  spec: CheckedSpec;
  source: PgSession;
  /** A maintenance database of the target server: the database itself may not be there yet. */
  target: PgSession;
}

/** What a rule about the two servers looks at: maintenance databases of both. */
export interface ServerRuleContext {
  spec: CheckedSpec;
  source: PgSession;
  target: PgSession;
  /** Databases that are still to be migrated. */
  databaseCount: number;
  /** Replication slots that this migration has already. */
  ownSlots: readonly string[];
  /** setupLogicalReplicationOnSourceDbIfNeeded. */
  isSetupWanted: boolean;
}

/** What a rule found: the sentence names the objects and says what to do about them. */
export interface Finding {
  state: Exclude<ValidationState, 'Succeeded'>;
  message: string;
}

export interface DatabaseRule {
  /** Ours, in messages: `tables-readable`. */
  id: string;
  /** The published service's word for the group. */
  type: 'SchemaValidation' | 'ExtensionsValidation' | 'CollationsValidation';
  check(context: DatabaseRuleContext): Promise<Finding[]>;
}

export interface ServerRule {
  id: string;
  type: 'AuthenticationAndConnectivityValidation' | 'ServerParametersValidation';
  check(context: ServerRuleContext): Promise<Finding[]>;
}

const NAMED_AT_MOST = 20;

/** The first names of a list, and how many more there are. */
export function someNames(names: readonly string[]): string {
  const more = names.length - NAMED_AT_MOST;
  return names.slice(0, NAMED_AT_MOST).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

export function filterOf(spec: CheckedSpec): TableFilter {
  return { include: spec.includeTables, exclude: spec.excludeTables };
}
