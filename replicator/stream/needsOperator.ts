import { kindOf } from '../../shared/errors/classify.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';

const OPERATOR_KINDS: ReadonlySet<MigrationErrorKind> = new Set([
  'diverged',
  'schemaChanged',
  'slotLost',
  'dataFailed',
  'permissionDenied',
  'targetOccupied',
]);

/** What a session ends with when it must not be begun again by itself. */
export function needsOperator(error: unknown): boolean {
  return OPERATOR_KINDS.has(kindOf(error));
}
