export { readDatabaseFacts } from './databaseFacts.ts';
import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { ConnectOptions } from '../connect.ts';
import type { PgEndpoint } from '../endpoint.ts';
import type { DatabaseFacts } from './plan.ts';

export type TargetDatabaseState =
  | { state: 'absent' }
  // No user objects; hasControlSchema says whether a schema pgmove is there (another or this migration's).
  | { state: 'empty'; hasControlSchema: boolean }
  | { state: 'hasObjects'; hasControlSchema: boolean; count: number; objects: string[] };

/** `target` names the database; a session is opened into it when it exists. */
export async function targetDatabaseState(
  _target: PgEndpoint,
  _options: ConnectOptions,
): Promise<TargetDatabaseState> {
  throw new MigrationError('internal', 'Not built yet.');
}

export function createDatabaseSql(
  _name: string,
  _facts: DatabaseFacts,
  _serverVersion: number,
): string {
  throw new MigrationError('internal', 'Not built yet.');
}

/** `admin` is connected to another database of the target server. Existing already is success. */
export async function createTargetDatabase(
  _admin: PgSession,
  _name: string,
  _facts: DatabaseFacts,
): Promise<void> {
  throw new MigrationError('internal', 'Not built yet.');
}

/** Only when overwriting is wanted. */
export async function dropTargetDatabase(_admin: PgSession, _name: string): Promise<void> {
  throw new MigrationError('internal', 'Not built yet.');
}
