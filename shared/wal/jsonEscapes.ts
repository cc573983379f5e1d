/*
 * Strings of JSON with backslashes. What stands between the escapes is in the encoding of the
 * database; the escapes themselves are ASCII.
 */

const BACKSLASH = 0x5c;
const UNICODE = 0x75;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** What stands behind a backslash, and what it means. */
const ESCAPES: Readonly<Record<number, number>> = {
  0x22: 0x22,
  0x5c: 0x5c,
  0x2f: 0x2f,
  0x62: 0x08,
  0x66: 0x0c,
  0x6e: 0x0a,
  0x72: 0x0d,
  0x74: 0x09,
};

/** Called for a string that is none, or that would be longer than a string can be. */
export interface StringErrors {
  malformed(): never;
  tooLong(): never;
}

/**
 * Copies a string without its escapes into `target`, which has room for it.
 *
 * @returns how many bytes are left; undefined when an escape stands for what is not ASCII.
 */
export function unescapeInto(
  target: Buffer,
  bytes: Buffer,
  start: number,
  end: number,
  errors: StringErrors,
): number | undefined {
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte !== BACKSLASH) {
      target[length++] = byte;
      continue;
    }
    const letter = bytes[++at]!;
    if (letter === UNICODE) {
      const unit = unicodeUnit(bytes, at + 1, end, errors);
      if (unit >= 0x80) return undefined;
      target[length++] = unit;
      at += 4;
    } else {
      target[length++] = ESCAPES[letter] ?? errors.malformed();
    }
  }
  return length;
}

/** The text of a string of any length: `decode` is given what stands between the escapes. */
export function unescapeRuns(
  content: Buffer,
  decode: (bytes: Buffer, start: number, end: number) => string,
  errors: StringErrors,
): string {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    const slash = content.indexOf(BACKSLASH, at);
    const runEnd = slash < 0 ? content.length : slash;
    if (runEnd > at) parts.push(decode(content, at, runEnd));
    if (slash < 0) break;
    const letter = content[slash + 1]!;
    if (letter === UNICODE) {
      const unit = unicodeUnit(content, slash + 2, content.length, errors);
      parts.push(String.fromCharCode(unit));
      at = slash + 6;
    } else {
      parts.push(String.fromCharCode(ESCAPES[letter] ?? errors.malformed()));
      at = slash + 2;
    }
  }
  let text: string;
  try {
    text = parts.join('');
  } catch {
    return errors.tooLong();
  }
  if (LONE_SURROGATE.test(text)) errors.malformed();
  return text;
}

function unicodeUnit(bytes: Buffer, at: number, end: number, errors: StringErrors): number {
  if (at + 4 > end) errors.malformed();
  let unit = 0;
  for (let index = 0; index < 4; index++) {
    const digit = hexDigit(bytes[at + index]!);
    if (digit < 0) errors.malformed();
    unit = unit * 16 + digit;
  }
  return unit;
}

/** -1 for what is none. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
