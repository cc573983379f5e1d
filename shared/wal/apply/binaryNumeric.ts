/*
 * The binary format of numeric (numeric_recv): groups of four decimal digits, the weight of the first
 * one, the sign and how many digits are shown behind the point.
 */

const DIGITS_PER_GROUP = 4;
const HEAD_BYTES = 8;

const POSITIVE = 0x0000;
const NEGATIVE = 0x4000;
const NOT_A_NUMBER = 0xc000;
const INFINITY = 0xd000;
const NEGATIVE_INFINITY = 0xf000;

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: NOT_A_NUMBER,
  Infinity: INFINITY,
  '-Infinity': NEGATIVE_INFINITY,
};

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** A text of so many bytes needs no more than this. */
export function numericBytes(textBytes: number): number {
  return HEAD_BYTES + 2 * (Math.ceil(textBytes / DIGITS_PER_GROUP) + 2);
}

/**
 * Writes a number as numeric_out prints it: digits with or without a point, NaN or an infinity.
 *
 * @param text holds the number in ASCII from 0 to `end`.
 * @returns the position behind it.
 * @throws RangeError for anything else, an exponent too.
 */
export function writeNumeric(text: Buffer, end: number, target: Buffer, at: number): number {
  const last = text[end - 1]!;
  if (end === 0 || last < ZERO || last > NINE) return writeSpecial(text, end, target, at);
  const first = text[0] === MINUS ? 1 : 0;
  let point = end;
  for (let each = first; each < end; each++) {
    const byte = text[each]!;
    if (byte >= ZERO && byte <= NINE) continue;
    if (byte !== POINT || point < end || each === first) throw notNumeric();
    point = each;
  }
  let to = at + HEAD_BYTES;
  let weight = Math.ceil((point - first) / DIGITS_PER_GROUP) - 1;
  let count = 0;
  // Groups begin at the point: the first one may lack digits before it, the last one behind.
  let group = 0;
  let left = point - first - weight * DIGITS_PER_GROUP;
  for (let each = first; each < end; each++) {
    if (each === point) continue;
    group = group * 10 + text[each]! - ZERO;
    left -= 1;
    if (left > 0) continue;
    left = DIGITS_PER_GROUP;
    if (count === 0 && group === 0) {
      weight -= 1;
    } else {
      to = target.writeInt16BE(group, to);
      count += 1;
    }
    group = 0;
  }
  if (left < DIGITS_PER_GROUP) {
    to = target.writeInt16BE(group * 10 ** left, to);
    count += 1;
  }
  // Zeros at the end are told by the scale alone.
  while (count > 0 && target.readInt16BE(to - 2) === 0) {
    to -= 2;
    count -= 1;
  }
  const scale = point === end ? 0 : end - point - 1;
  target.writeInt16BE(count, at);
  target.writeInt16BE(count === 0 ? 0 : weight, at + 2);
  target.writeUInt16BE(first === 1 && count > 0 ? NEGATIVE : POSITIVE, at + 4);
  target.writeInt16BE(scale, at + 6);
  return to;
}

function writeSpecial(text: Buffer, end: number, target: Buffer, at: number): number {
  const sign = SPECIAL[text.latin1Slice(0, end)];
  if (sign === undefined) throw notNumeric();
  target.fill(0, at, at + HEAD_BYTES);
  target.writeUInt16BE(sign, at + 4);
  return at + HEAD_BYTES;
}

function notNumeric(): RangeError {
  return new RangeError('A number is not what numeric_out prints.');
}
