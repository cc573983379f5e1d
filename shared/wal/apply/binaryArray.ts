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
const JSONB_VERSION = 1;

const textArray = arrayOf(
  (row, index) => row.byteLength(index),
  (bytes, at, row, index) => row.write(index, bytes, at),
);

/** A number that does not fit throws a RangeError. */
const ENCODERS: ReadonlyMap<number, Encoder> = new Map<number, Encoder>([
  [BOOL, arrayOf(1, (bytes, at, row, index) => bytes.writeUInt8(boolean(row, index), at))],
  [INT2, arrayOf(2, (bytes, at, row, index) => bytes.writeInt16BE(integer(row, index), at))],
  [INT4, arrayOf(4, (bytes, at, row, index) => bytes.writeInt32BE(integer(row, index), at))],
  [OID, arrayOf(4, (bytes, at, row, index) => bytes.writeUInt32BE(integer(row, index), at))],
  [INT8, arrayOf(8, writeInt8)],
  [FLOAT8, arrayOf(8, (bytes, at, row, index) => bytes.writeDoubleBE(double(row, index), at))],
  [UUID, arrayOf(16, writeUuid)],
  [BYTEA, arrayOf(byteaLength, writeBytea)],
  [TEXT, textArray],
  [VARCHAR, textArray],
  [BPCHAR, textArray],
  [JSON_TEXT, textArray],
  [JSONB, arrayOf((row, index) => 1 + row.byteLength(index), writeJsonb)],
  [NUMERIC, arrayOf((row, index) => numericBytes(row.byteLength(index)), writeNumber)],
  [DATE, arrayOf(4, writeDate)],
  [TIMESTAMP, arrayOf(8, timestamp(false))],
  [TIMESTAMPTZ, arrayOf(8, timestamp(true))],
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

/** Gives the position behind the element; undefined for a value that its binary format cannot say. */
type WriteElement = (bytes: Buffer, at: number, row: Tuple, index: number) => number | undefined;

/** The most bytes that an element takes. */
type ElementBytes = (row: Tuple, index: number) => number;

/** Undefined, and all are sent as texts, when one of the elements cannot be written. */
function arrayOf(most: number | ElementBytes, write: WriteElement): Encoder {
  return (typeOid, column) => {
    const { rows, slots, index } = column;
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + elementBytes(column, most));
    writeHeader(bytes, typeOid, slots.length);
    let at = HEADER_BYTES;
    for (const slot of slots) {
      const row = rows[slot];
      if (row === undefined || row.isNull(index)) {
        at = writeNull(bytes, at);
        continue;
      }
      const end = write(bytes, at + 4, row, index);
      if (end === undefined) return undefined;
      bytes.writeInt32BE(end - at - 4, at);
      at = end;
    }
    return bytes.subarray(0, at);
  };
}

function elementBytes({ rows, slots, index }: ColumnOfRows, most: number | ElementBytes): number {
  if (typeof most === 'number') return slots.length * (4 + most);
  let size = 4 * slots.length;
  for (const slot of slots) {
    const row = rows[slot];
    if (row !== undefined && !row.isNull(index)) size += most(row, index);
  }
  return size;
}

/** Anything else would be written as 0 by the methods of Buffer. */
function integer(row: Tuple, index: number): number {
  const value = row.key(index);
  if (typeof value !== 'number') throw new RangeError('A number is not an integer.');
  return value;
}

function writeInt8(bytes: Buffer, at: number, row: Tuple, index: number): number {
  const value = row.key(index);
  if (typeof value === 'number') return writeSafeInt8(bytes, at, value);
  if (value === null || value === '') throw new RangeError('A number is not an integer.');
  return bytes.writeBigInt64BE(BigInt(value), at);
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

function writeUuid(bytes: Buffer, at: number, row: Tuple, index: number): number {
  const text = row.at(index) ?? '';
  if (!UUID_TEXT.test(text)) throw new RangeError('A uuid is not in hexadecimal digits.');
  return at + bytes.write(text.replaceAll('-', ''), at, 'hex');
}

/** `\x` and hexadecimal digits, as bytea_output prints it. */
function writeBytea(bytes: Buffer, at: number, row: Tuple, index: number): number {
  const written = bytes.write((row.at(index) ?? '').slice(2), at, 'hex');
  if (written !== byteaLength(row, index)) {
    throw new RangeError('A bytea value is not in hexadecimal digits.');
  }
  return at + written;
}

function byteaLength(row: Tuple, index: number): number {
  return (row.byteLength(index) - 2) / 2;
}

function writeJsonb(bytes: Buffer, at: number, row: Tuple, index: number): number {
  return row.write(index, bytes, bytes.writeUInt8(JSONB_VERSION, at));
}

/** For the texts of values that are made into something else. */
let scratch = Buffer.allocUnsafeSlow(1024);

function writeNumber(bytes: Buffer, at: number, row: Tuple, index: number): number {
  const length = row.byteLength(index);
  if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * length);
  return writeNumeric(scratch, row.write(index, scratch, 0), bytes, at);
}

/** Not infinities, years before Christ and those far away. */
function writeDate(bytes: Buffer, at: number, row: Tuple, index: number): number | undefined {
  if (row.byteLength(index) > scratch.length) return undefined;
  const days = readDate(scratch, row.write(index, scratch, 0));
  return days === undefined ? undefined : bytes.writeInt32BE(days, at);
}

function timestamp(hasZone: boolean): WriteElement {
  return (bytes, at, row, index) => {
    if (row.byteLength(index) > scratch.length) return undefined;
    const time = readTimestamp(scratch, row.write(index, scratch, 0), hasZone);
    return time === undefined ? undefined : writeSafeInt8(bytes, at, time);
  };
}
