import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';

export interface AnalyzeOptions {
  jobs: number;
  /** All user tables when absent. */
  tables?: readonly { schema: string; table: string }[];
  signal?: AbortSignal;
}

/** ANALYZE of the copied tables, the largest first; run before ownership is given away. */
export async function analyze(
  _open: () => Promise<PgSession>,
  _options: AnalyzeOptions,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
