import { codeOf } from '../../errors/migrationError.ts';
import { tableLabel } from './batch.ts';
import type { CopyItem, TableOutcome } from './batch.ts';
import type { CopyRecord } from './control.ts';
import { failureKind, safeCause } from './failure.ts';
import type { CopyResult } from './pipe.ts';
import type { TableObstacle } from './targetTables.ts';

/* What became of an item, for whoever counts and tells. */

function subjectOf(item: CopyItem) {
  return { oid: item.oid, schema: item.schema, name: item.name, part: item.part?.index ?? 0 };
}

export function doneOutcome(item: CopyItem, result: CopyResult): TableOutcome {
  const { rows, bytes, ms } = result;
  return {
    ...subjectOf(item),
    state: 'done',
    rows,
    bytes,
    copyMs: Math.round(ms),
    skipped: false,
  };
}

export function skippedOutcome(
  item: CopyItem,
  record: Pick<CopyRecord, 'rows' | 'bytes' | 'copyMs'>,
): TableOutcome {
  const { rows, bytes, copyMs } = record;
  return { ...subjectOf(item), state: 'done', rows, bytes, copyMs, skipped: true };
}

export function obstacleOutcome(item: CopyItem, obstacle: TableObstacle): TableOutcome {
  const { kind, reason } = obstacle;
  const error = `Table ${tableLabel(item)} cannot be copied: ${reason}.`;
  return { ...subjectOf(item), state: 'failed', kind, error };
}

export function failedOutcome(item: CopyItem, error: unknown): TableOutcome {
  const code = codeOf(error);
  return {
    ...subjectOf(item),
    state: 'failed',
    kind: failureKind(error),
    ...(code === undefined ? {} : { code }),
    error: `Table ${tableLabel(item)} could not be copied: ${safeCause(error)}.`,
  };
}
