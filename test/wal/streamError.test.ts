import { expect, test } from 'vitest';
import { streamError } from '../../shared/wal/streamError.ts';

function failed(code: string, message: string) {
  return streamError(Object.assign(new Error(message), { code }), 's');
}

test('T1: a server that refuses the plugin asks the operator, and the slot is not given up', () => {
  const error = failed('42501', 'library "wal2json" may not be used as an output plugin');
  expect(error.kind).toBe('permissionDenied');
  expect(error.code).toBe('42501');
  expect(error.message).toContain(
    'ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json"',
  );
});

test('only a slot that is gone or was given up is lost', () => {
  for (const [code, message] of [
    ['42704', 'replication slot "s" does not exist'],
    ['55000', 'can no longer get changes from replication slot "s"'],
    ['55000', 'can no longer access replication slot "s"'],
    ['55000', 'cannot read from logical replication slot "s"'],
    ['58P01', 'requested WAL segment 000000010000000000000001 has already been removed'],
    ['55000', 'replication slot "s" was not created in this database'],
  ] as const) {
    expect(failed(code, message).kind, message).toBe('slotLost');
  }
  for (const [code, message, kind] of [
    ['55006', 'replication slot "s" is active for PID 7', 'lockTimeout'],
    ['57P01', 'terminating connection due to administrator command', 'connectionFailed'],
    ['42704', 'role "x" does not exist', 'internal'],
    ['58P01', 'could not access file "wal2json": No such file or directory', 'toolFailed'],
    ['22023', 'option "format-version" = "2" is unknown', 'versionUnsupported'],
    ['55000', 'logical decoding requires wal_level >= logical', 'invalidInput'],
    ['53400', 'all replication slots are in use', 'resourceExhausted'],
    [
      '53300',
      'number of requested standby connections exceeds max_wal_senders',
      'resourceExhausted',
    ],
    ['XX000', 'could not map filenode "base/5/16384" to relation OID', 'dataFailed'],
    ['XX000', 'could not map filenumber "base/5/16384" to relation OID', 'dataFailed'],
  ] as const) {
    expect(failed(code, message).kind, message).toBe(kind);
  }
});

test('T9: a row that wal2json cannot write says why', () => {
  for (const [code, message] of [
    ['54000', 'out of memory'],
    ['XX000', 'invalid memory alloc request size 1073741824'],
  ] as const) {
    const error = failed(code, message);
    expect(error.kind).toBe('dataFailed');
    expect(error.message).toContain('1 GB');
  }
});
