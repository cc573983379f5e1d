import { kindOf, wrapError } from '../../errors/classify.ts';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import { formatLsn } from '../lsn.ts';
import type { RowChange, Value } from '../messages.ts';
import type { ApplyTable } from './catalog.ts';
import type { ChangeOrigin } from './merge.ts';
import { identityOf } from './shape.ts';

const ACTIONS = { I: 'insert into', U: 'update of', D: 'delete from' } as const;

const MAX_KEY_LENGTH = 200;

/** A change of the source that the target's rows do not fit. Nothing is skipped: the apply stops. */
export function divergence(
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  what: string,
  cause?: unknown,
): MigrationError {
  return new MigrationError(
    'diverged',
    `The target does not fit the source's changes: ${describeChange(table, change, origin)}: ${what}.`,
    { cause },
  );
}

/**
 * What a failed statement of a single change means. Of the server's message nothing is told when it
 * may quote a value.
 */
export function changeFailure(
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  error: unknown,
): MigrationError {
  if (error instanceof MigrationError) return error;
  const code = codeOf(error) ?? '';
  const constraint = constraintOf(error);
  if (['23505', '23P01', '23503'].includes(code)) {
    return divergence(table, change, origin, `it violates the constraint ${constraint}`);
  }
  const described = describeChange(table, change, origin);
  if (code.startsWith('22') || code.startsWith('23')) {
    const where = constraint === '' ? '' : `, constraint ${constraint}`;
    return new MigrationError(
      kindOf(error),
      `The target refused the ${described} (SQLSTATE ${code}${where}).`,
      { code },
    );
  }
  return wrapError(error, `The ${described} failed`);
}

function constraintOf(error: unknown): string {
  const { constraint } = error as { constraint?: unknown };
  return typeof constraint === 'string' ? constraint : '';
}

function describeChange(table: ApplyTable, change: RowChange, origin: ChangeOrigin): string {
  const key = keyOf(table, change);
  return (
    `${ACTIONS[change.action]} ${table.schema}.${table.name}` +
    `${key === '' ? '' : ` (${key})`} in transaction ${origin.xid} ending at ${formatLsn(origin.endLsn)}`
  );
}

/** The key is told so that the operator finds the row; no other value is. */
function keyOf(table: ApplyTable, change: RowChange): string {
  const [names, values] = keyOfChange(table, change);
  const text = names.map((name, i) => `${name} = ${values[i] ?? 'null'}`).join(', ');
  return text.length > MAX_KEY_LENGTH ? `${text.slice(0, MAX_KEY_LENGTH)}…` : text;
}

function keyOfChange(table: ApplyTable, change: RowChange): [readonly string[], Value[]] {
  const { columns, values, identity, identityValues } = change;
  if (identity !== undefined) {
    const { key, indexes } = identityOf(table, identity);
    if (key === undefined) return [[], []];
    return [
      key.columns.map(({ name }) => name),
      indexes.map((index) => identityValues?.at(index) ?? null),
    ];
  }
  const names = table.keys[0]?.columns.map(({ name }) => name) ?? [];
  return [names, names.map((name) => values?.at(columns?.names.indexOf(name) ?? -1) ?? null)];
}
