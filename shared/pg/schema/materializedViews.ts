import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';

/** Refreshes what was populated on the source, in dependency order. */
export async function refreshMaterializedViews(
  _target: PgSession,
  _plan: Pick<SchemaPlan, 'materializedViews' | 'database'>,
  _options: { signal?: AbortSignal } = {},
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
