import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';

/** Gives every object its source's owner where that role exists and the target's user may. */
export async function applyOwnership(
  _target: PgSession,
  _plan: Pick<SchemaPlan, 'owners'>,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
