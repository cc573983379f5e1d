import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { ArchiveEntry } from './archive.ts';
import type { SchemaPlan } from './plan.ts';

export interface PlanOptions {
  /** Tables, partitioned tables, foreign tables and materialized views to leave out, by oid. */
  excludedTableOids?: readonly number[];
}

/** Reads the facts from a source session whose transaction has the snapshot, and sorts the entries. */
export async function planSchema(
  _source: PgSession,
  _entries: readonly ArchiveEntry[],
  _options: PlanOptions = {},
): Promise<SchemaPlan> {
  throw new MigrationError('internal', 'Not built yet.');
}
