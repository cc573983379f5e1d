import { kindOf } from '../../errors/classify.ts';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import type { MigrationErrorKind } from '../../errors/migrationError.ts';
import { CopyPipeError } from './pipe.ts';

/*
 * PostgreSQL's texts hold row values in many places: `invalid input syntax for type integer: "…"`,
 * `Key (id)=(…) already exists`, every CONTEXT of COPY. What is shown is put together from the fields
 * that cannot hold any.
 */

const CONDITIONS: Readonly<Record<string, string>> = {
  '22001': 'a text is too long for its column',
  '22003': 'a number is out of range',
  '22007': 'a date or time is malformed',
  '22008': 'a date or time is out of range',
  '22021': "a text holds bytes that are not valid in the database's encoding",
  '22P02': "a value's text is not valid for its type",
  '22P03': "a value's binary form is not valid for its type",
  '22P04': 'the columns or the form of the data do not fit the table',
  '22P05': "a character has no counterpart in the target's encoding",
  '23502': 'a null in a column that takes none',
  '23503': 'a foreign key is violated',
  '23505': 'a unique constraint is violated',
  '23514': 'a check constraint is violated',
  '23P01': 'an exclusion constraint is violated',
  P0001: 'a function raised an exception',
  XX000: 'an internal error of the server',
};

/** Classes whose messages name objects, files and settings only. */
const SAFE_MESSAGE = /^(08|0A|25|26|28|3D|3F|40|42|53|54|55|57|58)|^XX00[12]$/;

interface ServerFields {
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
  dataType?: string;
}

/** What went wrong, in words that hold no row values. */
export function safeCause(error: unknown): string {
  if (error instanceof MigrationError) return error.message;
  if (error instanceof CopyPipeError) {
    const side = error.side === 'source' ? 'on the source' : 'on the target';
    return `${safeCause(error.cause)} (${side})`;
  }
  const code = codeOf(error);
  // No SQLSTATE: an error of the network or of the driver.
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return messageOf(error);
  if (SAFE_MESSAGE.test(code)) return `${messageOf(error)}${remedyOf(code)} [${code}]`;
  const { column, constraint, dataType } = error as ServerFields;
  const objects = [
    ...(column === undefined ? [] : [`column ${column}`]),
    ...(constraint === undefined ? [] : [`constraint ${constraint}`]),
    ...(dataType === undefined ? [] : [`type ${dataType}`]),
  ];
  const where = objects.length === 0 ? '' : `: ${objects.join(', ')}`;
  return `${CONDITIONS[code] ?? 'the server refused the data'}${where} [${code}]`;
}

function remedyOf(code: string): string {
  if (code === '53100') return '; free some space and resume';
  if (code === '42501') return '; grant the right, or exclude the table, and resume';
  if (code === '55P03')
    return '; another session has, or waits for, an exclusive lock on the table';
  return '';
}

/** Kinds that concern the connection or the whole call, not one table: the activity is tried again. */
const CALL_KINDS: ReadonlySet<MigrationErrorKind> = new Set([
  'connectionFailed',
  'authenticationFailed',
  'tlsFailed',
  'databaseMissing',
  'snapshotLost',
  'fenced',
  'lockTimeout',
  'canceled',
]);

export function concernsWholeCall(error: unknown): boolean {
  return CALL_KINDS.has(failureKind(error));
}

export function failureKind(error: unknown): MigrationErrorKind {
  const kind = kindOf(error instanceof CopyPipeError ? error.cause : error);
  return kind === 'internal' && codeOf(error) !== undefined ? 'dataFailed' : kind;
}

/** A MigrationError whose message, and whose chain of causes, hold no row values. */
export function safeError(error: unknown, what: string): MigrationError {
  if (error instanceof MigrationError) return error;
  return new MigrationError(
    failureKind(error),
    `${what}: ${safeCause(error)}`,
    codeOf(error) === undefined ? {} : { code: codeOf(error)! },
  );
}
