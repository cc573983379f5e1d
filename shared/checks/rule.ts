import type { ValidationState } from '../contracts/records.ts';
import type { PgSession } from '../pg/connect.ts';

/** What a database rule looks at. Nothing is written on either side. */
export interface DatabaseRuleContext {
  database: string;
  source: PgSession;
  /** A maintenance database of the target server: the database itself may not be there yet. */
  target: PgSession;
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

const NAMED_AT_MOST = 20;

/** The first names of a list, and how many more there are. */
export function someNames(names: readonly string[]): string {
  const more = names.length - NAMED_AT_MOST;
  return names.slice(0, NAMED_AT_MOST).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
