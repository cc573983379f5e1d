import type { Tuple } from '../tuple.ts';
import { numericBytes, writeNumeric } from './binaryNumeric.ts';
import { readDate, readTimestamp } from './binaryTime.ts';

/*
 * One-dimensional arrays in PostgreSQL's binary format (array_recv), for the types whose binary form
 * says exactly what their text says. The server reads them several times faster than arrays' texts.
 */

/** Dimensions, flags, type of the elements, number of elements, lower bound. */
const HEADER_BYTES = 20;
const NULL_LENGTH = -1;

/** The values of one column, a row for each slot. */
export interface ColumnOfRows {
  readonly rows: readonly (Tuple | undefined)[];
  readonly slots: readonly number[];
  /** Of the column in the rows. */
  readonly index: number;
}

type Encoder = (elementOid: number, column: ColumnOfRows) => Buffer | undefined;

const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const TEXT = 25;
const OID = 26;
const JSON_TEXT = 114;
const FLOAT8 = 701;
const BPCHAR = 1042;
const VARCHAR = 1043;
const DATE = 1082;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;
const NUMERIC = 1700;
const UUID = 2950;
const JSONB = 3802;

/** Before the text of a jsonb. */
const JSONB_VERSION = [1];

const ENCODERS: ReadonlyMap<number, Encoder> = new Map<number, Encoder>([
  [BOOL, fixed(1, (bytes, at, row, index) => bytes.writeUInt8(boolean(row, index), at))],
  [INT2, fixed(2, (bytes, at, row, index) => bytes.writeInt16BE(integer(row, index), at))],
  [INT4, fixed(4, (bytes, at, row, index) => bytes.writeInt32BE(integer(row, index), at))],
  [OID, fixed(4, (bytes, at, row, index) => bytes.writeUInt32BE(integer(row, index), at))],
  [INT8, fixed(8, writeInt8)],
  [BYTEA, encodeBytea],
  [FLOAT8, fixed(8, (bytes, at, row, index) => bytes.writeDoubleBE(double(row, index), at))],
  [UUID, fixed(16, writeUuid)],
  [TEXT, texts([])],
  [VARCHAR, texts([])],
  [BPCHAR, texts([])],
  [JSON_TEXT, texts([])],
  [JSONB, texts(JSONB_VERSION)],
  [NUMERIC, encodeNumerics],
  [DATE, times(4, readDate)],
  [TIMESTAMP, times(8, (text, end) => readTimestamp(text, end, false))],
  [TIMESTAMPTZ, times(8, (text, end) => readTimestamp(text, end, true))],
]);

/** Undefined for a type that is sent as text. `typeOid`: the type itself, not what a domain is made of. */
export function binaryArray(typeOid: number, column: ColumnOfRows): Buffer | undefined {
  return ENCODERS.get(typeOid)?.(typeOid, column);
}

/** Whether there are nulls is said when the elements are known. */
function writeHeader(bytes: Buffer, typeOid: number, count: number): void {
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeInt32BE(typeOid, 8);
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
}

function writeNull(bytes: Buffer, at: number): number {
  bytes.writeInt32BE(1, 4);
  return bytes.writeInt32BE(NULL_LENGTH, at);
}

type WriteElement = (bytes: Buffer, at: number, row: Tuple, index: number) => void;

/** Elements of one size. A number that does not fit throws a RangeError. */
function fixed(size: number, write: WriteElement): Encoder {
  return (typeOid, { rows, slots, index }) => {
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + slots.length * (4 + size));
    writeHeader(bytes, typeOid, slots.length);
    let at = HEADER_BYTES;
    for (const slot of slots) {
      const row = rows[slot];
      if (row === undefined || row.isNull(index)) {
        at = writeNull(bytes, at);
        continue;
      }
      at = bytes.writeInt32BE(size, at);
      write(bytes, at, row, index);
      at += size;
    }
    return bytes.subarray(0, at);
  };
}

/** Anything else would be written as 0 by the methods of Buffer. */
function integer(row: Tuple, index: number): number {
  const value = row.key(index);
  if (typeof value !== 'number') throw new RangeError('A number is not an integer.');
  return value;
}

function writeInt8(bytes: Buffer, at: number, row: Tuple, index: number): void {
  const value = row.key(index);
  if (typeof value === 'number') {
    writeSafeInt8(bytes, at, value);
  } else if (value === null || value === '') {
    throw new RangeError('A number is not an integer.');
  } else {
    bytes.writeBigInt64BE(BigInt(value), at);
  }
}

function writeSafeInt8(bytes: Buffer, at: number, value: number): number {
  bytes.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  return bytes.writeUInt32BE(value >>> 0, at + 4);
}

function boolean(row: Tuple, index: number): number {
  const text = row.at(index);
  if (text !== 't' && text !== 'f') throw new RangeError('A value is neither true nor false.');
  return text === 't' ? 1 : 0;
}

/** The shortest digits that mean this number, as extra_float_digits 1 and more has them. */
function double(row: Tuple, index: number): number {
  const text = row.at(index) ?? '';
  const value = Number(text);
  if (text === '' || (Number.isNaN(value) && text !== 'NaN')) {
    throw new RangeError('A number is none.');
  }
  return value;
}

const UUID_TEXT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function writeUuid(bytes: Buffer, at: number, row: Tuple, index: number): void {
  const text = row.at(index) ?? '';
  if (!UUID_TEXT.test(text)) throw new RangeError('A uuid is not in hexadecimal digits.');
  bytes.write(text.replaceAll('-', ''), at, 'hex');
}

/** `\x` and hexadecimal digits, as bytea_output prints it. */
function encodeBytea(typeOid: number, { rows, slots, index }: ColumnOfRows): Buffer {
  let size = HEADER_BYTES;
  for (const slot of slots) size += 4 + byteaLength(rows[slot], index);
  const bytes = Buffer.allocUnsafe(size);
  writeHeader(bytes, typeOid, slots.length);
  let at = HEADER_BYTES;
  for (const slot of slots) {
    const text = rows[slot]?.at(index) ?? null;
    if (text === null) {
      at = writeNull(bytes, at);
      continue;
    }
    const length = byteaLength(rows[slot], index);
    at = bytes.writeInt32BE(length, at);
    const written = bytes.write(text.slice(2), at, 'hex');
    if (written !== length) throw new RangeError('A bytea value is not in hexadecimal digits.');
    at += length;
  }
  return bytes;
}

function byteaLength(row: Tuple | undefined, index: number): number {
  return row === undefined || row.isNull(index) ? 0 : (row.byteLength(index) - 2) / 2;
}

/** Texts in UTF-8, each behind the bytes of its `head`. */
function texts(head: readonly number[]): Encoder {
  return (typeOid, { rows, slots, index }) => {
    let size = HEADER_BYTES;
    for (const slot of slots) size += 4 + head.length + (rows[slot]?.byteLength(index) ?? 0);
    const bytes = Buffer.allocUnsafe(size);
    writeHeader(bytes, typeOid, slots.length);
    let at = HEADER_BYTES;
    for (const slot of slots) {
      const row = rows[slot];
      if (row === undefined || row.isNull(index)) {
        at = writeNull(bytes, at);
        continue;
      }
      let end = at + 4;
      for (const byte of head) bytes[end++] = byte;
      end = row.write(index, bytes, end);
      bytes.writeInt32BE(end - at - 4, at);
      at = end;
    }
    // Nulls have no head.
    return bytes.subarray(0, at);
  };
}

/** For the texts of values that are made into something else. */
let scratch = Buffer.allocUnsafeSlow(1024);

function encodeNumerics(typeOid: number, { rows, slots, index }: ColumnOfRows): Buffer {
  let size = HEADER_BYTES;
  for (const slot of slots) size += 4 + numericBytes(rows[slot]?.byteLength(index) ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  writeHeader(bytes, typeOid, slots.length);
  let at = HEADER_BYTES;
  for (const slot of slots) {
    const row = rows[slot];
    if (row === undefined || row.isNull(index)) {
      at = writeNull(bytes, at);
      continue;
    }
    const length = row.byteLength(index);
    if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * length);
    const end = writeNumeric(scratch, row.write(index, scratch, 0), bytes, at + 4);
    bytes.writeInt32BE(end - at - 4, at);
    at = end;
  }
  return bytes.subarray(0, at);
}

type ReadTime = (text: Buffer, end: number) => number | undefined;

/** All are sent as texts when one is an infinity, before Christ or far away. */
function times(size: 4 | 8, read: ReadTime): Encoder {
  return (typeOid, { rows, slots, index }) => {
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + slots.length * (4 + size));
    writeHeader(bytes, typeOid, slots.length);
    let at = HEADER_BYTES;
    for (const slot of slots) {
      const row = rows[slot];
      if (row === undefined || row.isNull(index)) {
        at = writeNull(bytes, at);
        continue;
      }
      if (row.byteLength(index) > scratch.length) return undefined;
      const value = read(scratch, row.write(index, scratch, 0));
      if (value === undefined) return undefined;
      at = bytes.writeInt32BE(size, at);
      at = size === 4 ? bytes.writeInt32BE(value, at) : writeSafeInt8(bytes, at, value);
    }
    return bytes.subarray(0, at);
  };
}
