import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { DatabaseFacts } from './plan.ts';

/** Owner, connection limit, comment, settings and privileges of the database itself; run last. */
export async function copyDatabaseProperties(
  _target: PgSession,
  _name: string,
  _facts: DatabaseFacts,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
