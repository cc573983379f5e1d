import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';

export interface LargeObjectOptions {
  generation: number;
  signal?: AbortSignal;
  onProgress?: (done: { objects: number; bytes: number }) => void;
}

/** Copies every large object that the source session's transaction sees, under its own oid. */
export async function copyLargeObjects(
  _source: PgSession,
  _target: PgSession,
  _options: LargeObjectOptions,
): Promise<{ objects: number; bytes: number }> {
  throw new MigrationError('internal', 'Not built yet.');
}
