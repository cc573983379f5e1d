import type { Value } from '../messages.ts';

/*
 * One-dimensional arrays in PostgreSQL's binary format (array_recv), for the types whose binary form
 * says exactly what their text says. The server reads them several times faster than arrays' texts.
 */

/** Dimensions, flags, type of the elements, number of elements, lower bound. */
const HEADER_BYTES = 20;
const NULL_LENGTH = -1;

type Encoder = (elementOid: number, values: readonly Value[]) => Buffer;

const BYTEA = 17;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const TEXT = 25;
const OID = 26;
const BPCHAR = 1042;
const VARCHAR = 1043;

const ENCODERS: ReadonlyMap<number, Encoder> = new Map<number, Encoder>([
  [INT2, fixed(2, (bytes, at, text) => bytes.writeInt16BE(integer(text), at))],
  [INT4, fixed(4, (bytes, at, text) => bytes.writeInt32BE(integer(text), at))],
  [OID, fixed(4, (bytes, at, text) => bytes.writeUInt32BE(integer(text), at))],
  [INT8, fixed(8, writeInt8)],
  [BYTEA, encodeBytea],
  [TEXT, encodeTexts],
  [VARCHAR, encodeTexts],
  [BPCHAR, encodeTexts],
]);

/** Undefined for a type that is sent as text. `typeOid`: the type itself, not what a domain is made of. */
export function binaryArray(typeOid: number, values: readonly Value[]): Buffer | undefined {
  return ENCODERS.get(typeOid)?.(typeOid, values);
}

function writeHeader(bytes: Buffer, typeOid: number, values: readonly Value[]): void {
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  bytes.writeInt32BE(typeOid, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16);
}

/** Elements of one size. A number that does not fit throws a RangeError. */
function fixed(size: number, write: (bytes: Buffer, at: number, text: string) => void): Encoder {
  return (typeOid, values) => {
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + values.length * (4 + size));
    writeHeader(bytes, typeOid, values);
    let at = HEADER_BYTES;
    for (const text of values) {
      bytes.writeInt32BE(text === null ? NULL_LENGTH : size, at);
      at += 4;
      if (text === null) continue;
      write(bytes, at, text);
      at += size;
    }
    return bytes.subarray(0, at);
  };
}

/** Anything else would be written as 0 by the methods of Buffer. */
function integer(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value)) throw new RangeError('A number is not an integer.');
  return value;
}

/** Up to this many characters a number is exact as a double. */
const SAFE_DIGITS = 15;

function writeInt8(bytes: Buffer, at: number, text: string): void {
  if (text.length > SAFE_DIGITS) {
    bytes.writeBigInt64BE(BigInt(text), at);
    return;
  }
  const value = integer(text);
  bytes.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

/** `\x` and hexadecimal digits, as bytea_output prints it. */
function encodeBytea(typeOid: number, values: readonly Value[]): Buffer {
  let size = HEADER_BYTES;
  for (const text of values) size += 4 + (text === null ? 0 : (text.length - 2) / 2);
  const bytes = Buffer.allocUnsafe(size);
  writeHeader(bytes, typeOid, values);
  let at = HEADER_BYTES;
  for (const text of values) {
    const length = text === null ? NULL_LENGTH : (text.length - 2) / 2;
    bytes.writeInt32BE(length, at);
    at += 4;
    if (text === null) continue;
    const written = bytes.write(text.slice(2), at, 'hex');
    if (written !== length) throw new RangeError('A bytea value is not in hexadecimal digits.');
    at += length;
  }
  return bytes;
}

function encodeTexts(typeOid: number, values: readonly Value[]): Buffer {
  let characters = 0;
  for (const text of values) characters += text === null ? 0 : text.length;
  const isAscii = Buffer.byteLength(values.join('')) === characters;
  return isAscii ? encodeAscii(typeOid, values) : encodeUnicode(typeOid, values);
}

/** Four characters for each length that is common, so that an array is joined like a text. */
const LENGTHS: readonly string[] = Array.from({ length: 1024 }, (_, length) => lengthText(length));
const NULL_TEXT = lengthText(NULL_LENGTH);

function lengthText(length: number): string {
  return String.fromCharCode(
    (length >>> 24) & 0xff,
    (length >>> 16) & 0xff,
    (length >>> 8) & 0xff,
    length & 0xff,
  );
}

/** One string of one byte per character is made into bytes at once. */
function encodeAscii(typeOid: number, values: readonly Value[]): Buffer {
  const parts: string[] = [];
  for (const text of values) {
    if (text === null) {
      parts.push(NULL_TEXT);
    } else {
      parts.push(LENGTHS[text.length] ?? lengthText(text.length), text);
    }
  }
  const elements = parts.join('');
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + elements.length);
  writeHeader(bytes, typeOid, values);
  bytes.write(elements, HEADER_BYTES, 'latin1');
  return bytes;
}

function encodeUnicode(typeOid: number, values: readonly Value[]): Buffer {
  let size = HEADER_BYTES;
  for (const text of values) size += 4 + (text === null ? 0 : Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(size);
  writeHeader(bytes, typeOid, values);
  let at = HEADER_BYTES;
  for (const text of values) {
    const length = text === null ? NULL_LENGTH : bytes.write(text, at + 4);
    bytes.writeInt32BE(length, at);
    at += 4 + Math.max(length, 0);
  }
  return bytes;
}
