import { codeOf, messageOf, MigrationError } from './migrationError.ts';
import type { MigrationErrorKind } from './migrationError.ts';

/** SQLSTATEs and errnos, most specific first; a key of two characters stands for its whole class. */
const KIND_BY_CODE: Readonly<Record<string, MigrationErrorKind>> = {
  '28': 'authenticationFailed',
  '3D000': 'databaseMissing',
  '42501': 'permissionDenied',
  '55P03': 'lockTimeout',
  '40P01': 'lockTimeout',
  '53': 'resourceExhausted',
  '08': 'connectionFailed',
  '57P01': 'connectionFailed',
  '57P02': 'connectionFailed',
  '57P03': 'connectionFailed',
  '57P05': 'connectionFailed',
  '25P03': 'connectionFailed',
  '25P04': 'connectionFailed',
  '42710': 'targetOccupied',
  '42P07': 'targetOccupied',
  '42P04': 'targetOccupied',
  '42P06': 'targetOccupied',
  '42723': 'targetOccupied',
  '22': 'dataFailed',
  '23': 'dataFailed',
  ECONNREFUSED: 'connectionFailed',
  ECONNRESET: 'connectionFailed',
  EPIPE: 'connectionFailed',
  ETIMEDOUT: 'connectionFailed',
  EHOSTUNREACH: 'connectionFailed',
  ENETUNREACH: 'connectionFailed',
  ENOTFOUND: 'connectionFailed',
  EAI_AGAIN: 'connectionFailed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tlsFailed',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tlsFailed',
  SELF_SIGNED_CERT_IN_CHAIN: 'tlsFailed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tlsFailed',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tlsFailed',
  CERT_HAS_EXPIRED: 'tlsFailed',
};

/** Errors of the `pg` package carry no code in these cases; the sample stands beside each pattern. */
const KIND_BY_MESSAGE: readonly (readonly [RegExp, MigrationErrorKind])[] = [
  // "Connection terminated unexpectedly"
  [/^Connection terminated/, 'connectionFailed'],
  // "Connection ended unexpectedly during COPY"
  [/^Connection ended unexpectedly/, 'connectionFailed'],
  // "Client has encountered a connection error and is not queryable"
  [/not queryable/, 'connectionFailed'],
  // "timeout expired"
  [/^timeout expired/, 'connectionFailed'],
  // "The server does not support SSL connections"
  [/does not support SSL/, 'tlsFailed'],
];

/** Gives any thrown value a kind. A MigrationError keeps its own. */
export function kindOf(error: unknown): MigrationErrorKind {
  if (error instanceof MigrationError) return error.kind;
  const code = codeOf(error);
  if (code !== undefined) {
    const kind = KIND_BY_CODE[code] ?? KIND_BY_CODE[code.slice(0, 2)];
    if (kind !== undefined) return kind;
    if (code === 'ABORT_ERR') return 'canceled';
  }
  if (error instanceof Error && error.name === 'AbortError') return 'canceled';
  const message = messageOf(error);
  return KIND_BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ?? 'internal';
}

/** Kinds that a later attempt can cure without anybody acting. */
export function isTransient(kind: MigrationErrorKind): boolean {
  return kind === 'connectionFailed' || kind === 'lockTimeout';
}

/** Wraps a thrown value with a sentence that says what failed, on which object. */
export function wrapError(error: unknown, what: string): MigrationError {
  return new MigrationError(kindOf(error), `${what}: ${messageOf(error)}`, { cause: error });
}
