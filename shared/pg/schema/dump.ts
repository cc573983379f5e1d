import { MigrationError } from '../../errors/migrationError.ts';
import type { PgEndpoint } from '../endpoint.ts';

export interface DumpOptions {
  /** Exported snapshot: the dump sees what its owner sees. */
  snapshot?: string;
  archivePath: string;
  applicationName: string;
  signal?: AbortSignal;
}

/** One pg_dump of the whole schema without data: a custom-format archive at archivePath. */
export async function dumpSchema(_source: PgEndpoint, _options: DumpOptions): Promise<void> {
  throw new MigrationError('internal', 'Not built yet.');
}
