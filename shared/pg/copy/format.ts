import type { PgSession } from '../connect.ts';
import type { CopyFormat, TableOutcome } from './batch.ts';
import type { SourceTable } from './tables.ts';

export interface TargetColumn {
  baseTypeOid: number;
  typmod: number;
}

/** The target's side of the tables to copy. */
export interface TargetShape {
  serverVersion: number;
  encoding: string;
  /** By the JSON text of [schema, name]; the columns by name. */
  tables: Map<string, Map<string, TargetColumn>>;
}

export interface SourceFacts {
  serverVersion: number;
  encoding: string;
}

/** A table with the form in which its rows travel. */
export interface PlannedTable extends SourceTable {
  format: CopyFormat;
  encoding?: string;
}

export async function targetShape(
  session: PgSession,
  tables: readonly SourceTable[],
): Promise<TargetShape> {
  void [session, tables];
  throw new Error('To come.');
}

export async function sourceFacts(session: PgSession): Promise<SourceFacts> {
  void session;
  throw new Error('To come.');
}

/** Splits the tables into those that can be copied and those that cannot, by name and cause. */
export function planFormats(
  tables: readonly SourceTable[],
  source: SourceFacts,
  target: TargetShape,
): { ready: PlannedTable[]; failed: TableOutcome[] } {
  void [tables, source, target];
  throw new Error('To come.');
}
