import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';

/** Grants and default privileges; run after applyOwnership. */
export async function applyPrivileges(
  _target: PgSession,
  _plan: Pick<SchemaPlan, 'privileges'>,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
