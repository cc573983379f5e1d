import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { IndexWork, TableIndexWork } from './plan.ts';

export interface BuildOptions {
  /** As in postgresql.conf: '512MB'. The server's own when absent. */
  maintenanceWorkMem?: string;
  maxParallelMaintenanceWorkers?: number;
  /** Search path to try when an expression does not resolve under the empty one. */
  defaultSearchPath?: string;
  /** Runs first in every transaction that changes the table. */
  fence?: (session: PgSession) => Promise<void>;
}

/** Builds one index; done already or by another run at the same time is success. */
export async function buildIndex(
  _session: PgSession,
  _work: IndexWork,
  _options: BuildOptions = {},
): Promise<void> {
  throw new MigrationError('internal', 'Not built yet.');
}

/** Builds what is missing, then adds constraints and sets CLUSTER ON, REPLICA IDENTITY, statistics. */
export async function finishTable(
  _session: PgSession,
  _work: TableIndexWork,
  _options: BuildOptions = {},
): Promise<void> {
  throw new MigrationError('internal', 'Not built yet.');
}

/** The same for many small tables, in few round trips. */
export async function finishSmallTables(
  _session: PgSession,
  _works: readonly TableIndexWork[],
  _options: BuildOptions = {},
): Promise<void> {
  throw new MigrationError('internal', 'Not built yet.');
}
