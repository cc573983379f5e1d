import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';

export interface SequenceOptions {
  /** Sequences to leave out, by oid on the source. */
  excludedOids?: readonly number[];
}

/** Copies last_value and is_called of every sequence; gives how many. */
export async function copySequences(
  _source: PgSession,
  _target: PgSession,
  _options: SequenceOptions = {},
): Promise<number> {
  throw new MigrationError('internal', 'Not built yet.');
}
