import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';

/** The last step of all: they would fire on our own statements. */
export async function restoreEventTriggers(
  _target: PgSession,
  _plan: Pick<SchemaPlan, 'eventTriggers'>,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
