/**
 * The one error type of pgmove. `kind` is a closed list and alone decides whether something is
 * tried again; message texts are for people.
 */
export type MigrationErrorKind =
  // The connection to a server could not be made or broke: try again, then stop.
  | 'connectionFailed'
  // The server answered and refused: wrong password, no pg_hba entry, no such role.
  | 'authenticationFailed'
  // TLS was required and is not there, or the certificate does not fit.
  | 'tlsFailed'
  // The named database is not on the server.
  | 'databaseMissing'
  // A right is missing (SQLSTATE 42501).
  | 'permissionDenied'
  // The server version cannot be handled.
  | 'versionUnsupported'
  // The exported snapshot is gone: the copy of that database starts again under a new one.
  | 'snapshotLost'
  // Another run of the same work holds the fence, or this run's generation is out of date.
  | 'fenced'
  // Something on the target is in the way (a database with objects, an object of the same name).
  | 'targetOccupied'
  // A schema object could not be created; `detail` has PostgreSQL's message.
  | 'schemaFailed'
  // Rows could not be copied or do not agree.
  | 'dataFailed'
  // A change of the source does not fit the target's rows: somebody else wrote there, or a defect.
  | 'diverged'
  // The source's schema changed while it was replicated.
  | 'schemaChanged'
  // The replication slot is gone, or was made anew by somebody: changes are missing.
  | 'slotLost'
  // A lock was not granted in time: try again.
  | 'lockTimeout'
  // The server ran out of disk, memory or connections: the operator has to act.
  | 'resourceExhausted'
  // A needed program (pg_dump, pg_restore) is missing or failed.
  | 'toolFailed'
  // The caller asked for something that is not there or not allowed.
  | 'invalidInput'
  // The work was asked to stop.
  | 'canceled'
  // Anything else: a defect of ours until proven otherwise.
  | 'internal';

export class MigrationError extends Error {
  readonly kind: MigrationErrorKind;
  /** SQLSTATE or errno of the cause, when there is one. */
  readonly code: string | undefined;

  constructor(
    kind: MigrationErrorKind,
    message: string,
    options: { cause?: unknown; code?: string } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'MigrationError';
    this.kind = kind;
    this.code = options.code ?? codeOf(options.cause);
  }
}

/** SQLSTATE or errno carried by an error of `pg` or of Node's net module. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
