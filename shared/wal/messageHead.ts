import { matches } from './relations.ts';
import type { Relation } from './relations.ts';

/*
 * What comes before a message's values, in the order in which wal2json writes it:
 * {"action":"U","xid":7,"lsn":"0/1","schema":"public","table":"t","columns":[…
 * It is the longer part of many messages, and mostly the same as before: comparing its bytes costs
 * less than reading it key by key. Whatever is written in another way is read by its keys.
 */

const PREFIX = Buffer.from('{"action":"');
const XID = Buffer.from('","xid":');
const LSN = Buffer.from(',"lsn":"');

const QUOTE = 0x22;
const ZERO = 0x30;
const NINE = 0x39;

/** Digits of a position, with the slash. */
const MOST_LSN_BYTES = 17;

/** The letter of the action. */
export function actionOf(bytes: Buffer, start: number): number {
  return bytes[start + PREFIX.length]!;
}

/** Where the number of the transaction begins; -1 for a message that is written in another way. */
export function skipToXid(bytes: Buffer, start: number): number {
  if (!matches(bytes, start, PREFIX)) return -1;
  const at = start + PREFIX.length + 1;
  return matches(bytes, at, XID) ? at + XID.length : -1;
}

/** Where the key of the first tuple begins; -1 for a message of another table as well. */
export function skipRowHead(bytes: Buffer, start: number, { head }: Relation): number {
  let at = skipToXid(bytes, start);
  if (at < 0) return -1;
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  if (!matches(bytes, at, LSN)) return -1;
  at += LSN.length;
  const most = at + MOST_LSN_BYTES;
  while (at < most && bytes[at] !== QUOTE) at++;
  if (bytes[at] !== QUOTE || !matches(bytes, at + 1, head)) return -1;
  return at + 1 + head.length;
}

/** The part of it that names the table, up to the comma behind it. */
export function headOf(schemaBytes: Uint8Array, tableBytes: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(',"schema":"'),
    schemaBytes,
    Buffer.from('","table":"'),
    tableBytes,
    Buffer.from('",'),
  ]);
}
