import { kindOf } from '../errors/classify.ts';
import { codeOf, messageOf, MigrationError } from '../errors/migrationError.ts';
import type { MigrationErrorKind } from '../errors/migrationError.ts';

interface StreamFailure {
  /** The SQLSTATE; absent where PostgreSQL has only its general ones. */
  code?: string;
  message?: RegExp;
  kind: MigrationErrorKind;
  /** What it means and what the operator can do. */
  remedy: string;
}

/** What a server answers to START_REPLICATION and in the stream; the sample stands beside each. */
const FAILURES: readonly StreamFailure[] = [
  {
    // 42501 library "wal2json" may not be used as an output plugin
    message: /may not be used as an output plugin/,
    kind: 'permissionDenied',
    remedy:
      'The server only lets named plugins decode. Run "ALTER SYSTEM SET output_plugin_libraries = ' +
      'pgoutput, test_decoding, wal2json" (without quotes around the list), then "SELECT ' +
      'pg_reload_conf()"; nothing is lost, the stream goes on afterwards.',
  },
  {
    // 58P01 could not access file "wal2json": No such file or directory
    message: /could not access file "wal2json"/,
    kind: 'toolFailed',
    remedy: 'Install the package of wal2json that fits the source server.',
  },
  {
    // 22023 option "include-xids" = "true" is unknown
    message: /^option ".*" = ".*" is unknown/,
    kind: 'versionUnsupported',
    remedy: "The source's wal2json is too old; install 2.5 or newer.",
  },
  {
    // 55006 replication slot "s" is active for PID 4711
    code: '55006',
    kind: 'lockTimeout',
    remedy: 'Another session reads the slot.',
  },
  {
    // 42704 replication slot "s" does not exist
    code: '42704',
    message: /^replication slot ".*" does not exist/,
    kind: 'slotLost',
    remedy: 'Somebody dropped it: changes are missing, and the database has to be copied again.',
  },
  {
    // 55000 can no longer get changes from replication slot "s"
    // 55000 cannot read from logical replication slot "s"
    // 55000 can no longer access replication slot "s"
    message: /can no longer (get changes from|access) replication slot|cannot read from logical/,
    kind: 'slotLost',
    remedy:
      'The server gave it up (max_slot_wal_keep_size): changes are missing, and the database has ' +
      'to be copied again.',
  },
  {
    // 58P01 requested WAL segment pg_wal/000000010000000000000001 has already been removed
    message: /requested WAL segment .* has already been removed/,
    kind: 'slotLost',
    remedy: 'Changes are missing, and the database has to be copied again.',
  },
  {
    // 55000 replication slot "s" was not created in this database
    message: /was not created in this database/,
    kind: 'slotLost',
    remedy: 'It is a slot of another database with the same name.',
  },
  {
    // XX000 could not map filenode "base/5/16384" to relation OID
    message: /could not map file(node|number)/,
    kind: 'dataFailed',
    remedy:
      'PostgreSQL cannot decode the log behind this slot any more; the database has to be copied ' +
      'again with a new slot.',
  },
  {
    // 54000 out of memory / Cannot enlarge string buffer containing 1073741808 bytes by 16 more bytes.
    // XX000 invalid memory alloc request size 1073741824
    message: /out of memory|invalid memory alloc request size|string buffer exceeds/,
    kind: 'dataFailed',
    remedy: 'A row may be larger than wal2json can write (1 GB as text).',
  },
  {
    // 55000 logical decoding requires wal_level >= logical
    message: /logical decoding requires wal_level/,
    kind: 'invalidInput',
    remedy: 'Set wal_level to logical and restart the source server.',
  },
];

/** Gives an error of a replication connection its kind and says what to do. */
export function streamError(error: unknown, slot: string): MigrationError {
  if (error instanceof MigrationError) return error;
  const message = messageOf(error);
  const code = codeOf(error);
  const failure = FAILURES.find(
    (each) =>
      (each.code === undefined || each.code === code) &&
      (each.message === undefined || each.message.test(message)),
  );
  const what = `The change stream of slot "${slot}" failed: ${message}`;
  if (failure === undefined) return new MigrationError(kindOf(error), what, { cause: error });
  return new MigrationError(failure.kind, `${what.replace(/\.?$/, '.')} ${failure.remedy}`, {
    cause: error,
  });
}

/** The server ended the stream, or the connection broke, without an error message. */
export function streamEnded(slot: string): MigrationError {
  return new MigrationError('connectionFailed', `The change stream of slot "${slot}" was ended.`);
}
