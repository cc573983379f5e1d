import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';

export interface RestoreOptions {
  /** Steps of an older generation (another snapshot) do not count as done. */
  generation: number;
  signal?: AbortSignal;
}

/** Restores the pre-data in transactional slices, each with its marker in pgmove.steps. */
export async function restorePreData(
  _target: PgSession,
  _plan: Pick<SchemaPlan, 'preData' | 'database'>,
  _options: RestoreOptions,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
