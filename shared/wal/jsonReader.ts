import type { StreamEncoding } from './encoding.ts';
import type { Lsn } from './lsn.ts';
import type { Value } from './messages.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Up to this size an escaped string is put together in a buffer that is there already. */
const CUT_BYTES = 16 * 1024;

/**
 * Up to this size one string is made of a whole chunk of the stream, and values are cut from it:
 * they share its bytes, which V8 does not move around when it collects garbage.
 */
const CHUNK_BYTES = 256 * 1024;

/** A string that is longer is searched by native code. */
const LONG_STRING_BYTES = 256;

const NOTHING = Buffer.alloc(0);

const LONE_SURROGATE = /\p{Surrogate}/u;

const TOO_LARGE = 'a value is larger than this program can hold (512 MB of text)';

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

/**
 * Reads JSON without white space from bytes: values become the texts of PostgreSQL's output
 * functions. Numbers are never parsed.
 */
export class JsonReader {
  readonly #encoding: StreamEncoding;
  readonly #fail: (why: string) => never;
  bytes: Buffer = NOTHING;
  at = 0;
  #end = 0;
  /** What the text was made of: messages come many to a chunk. */
  #chunk: Buffer = NOTHING;
  /** The chunk byte by byte. */
  #text = '';
  /** Of the last skipString. */
  #hasEscape = false;
  #hasHighByte = false;
  /** Positions that were read before, by some of their bits. */
  readonly #highs: number[] = Array.from({ length: 8 }, () => -1);
  readonly #lows: number[] = Array.from({ length: 8 }, () => -1);
  readonly #lsns: Lsn[] = [];
  readonly #scratch = Buffer.allocUnsafeSlow(CUT_BYTES);

  constructor(encoding: StreamEncoding, fail: (why: string) => never) {
    this.#encoding = encoding;
    this.#fail = fail;
  }

  /** A Buffer object has the same bytes in each call. */
  begin(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** Lets go of the message, which may be large. */
  release(): void {
    this.bytes = NOTHING;
  }

  expect(byte: number): void {
    if (this.at >= this.#end || this.bytes[this.at] !== byte) this.#malformed();
    this.at++;
  }

  /** Passes the byte if it comes next. */
  nextIs(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  /** A value as its type's output function prints it. `isBytea`: wal2json cuts `\x` off. */
  readValue(isBytea: boolean): Value {
    const first = this.bytes[this.at];
    if (first === QUOTE) {
      const start = ++this.at;
      const end = this.skipString();
      if (isBytea) return this.#byteaText(start, end);
      return this.#hasEscape || this.#hasHighByte
        ? this.decodeString(start, end)
        : this.#asciiText(start, end);
    }
    if (first === 0x6e) return this.#word('null', null);
    if (first === 0x74) return this.#word('true', 't');
    if (first === 0x66) return this.#word('false', 'f');
    const start = this.at;
    this.#skipNumber();
    return this.#asciiText(start, this.at);
  }

  /** An integer that fits into 53 bits; null is 0. */
  readInteger(): number {
    const text = this.readValue(false);
    const value = text === null ? 0 : Number(text);
    if (!Number.isSafeInteger(value)) this.#malformed();
    return value;
  }

  /** `"16/B374D848"` */
  readLsn(): Lsn {
    const { bytes } = this;
    this.expect(QUOTE);
    let high = 0;
    let low = 0;
    for (;;) {
      const byte = bytes[this.at++]!;
      if (byte === 0x2f) break;
      high = high * 16 + this.#hexDigit(byte);
    }
    for (;;) {
      const byte = bytes[this.at++]!;
      if (byte === QUOTE) break;
      low = low * 16 + this.#hexDigit(byte);
    }
    // The end of a transaction says the positions of its beginning again.
    const slot = (low >>> 3) & 7;
    if (this.#lows[slot] === low && this.#highs[slot] === high) return this.#lsns[slot]!;
    const lsn = (BigInt(high) << 32n) | BigInt(low);
    this.#lows[slot] = low;
    this.#highs[slot] = high;
    this.#lsns[slot] = lsn;
    return lsn;
  }

  /** A string of somebody else, whatever its bytes are. */
  readLossyString(): string {
    this.expect(QUOTE);
    const start = this.at;
    const end = this.skipString();
    if (!this.#hasEscape) return this.bytes.utf8Slice(start, end);
    return this.#unescapeRuns(start, end, (bytes, from, to) => bytes.utf8Slice(from, to));
  }

  skipValue(): void {
    const first = this.bytes[this.at];
    if (first === QUOTE) {
      this.at++;
      this.skipString();
    } else if (first === 0x5b || first === 0x7b) {
      this.#skipNested(first);
    } else if (first === 0x6e) {
      this.#word('null', null);
    } else if (first === 0x74) {
      this.#word('true', null);
    } else if (first === 0x66) {
      this.#word('false', null);
    } else {
      this.#skipNumber();
    }
  }

  /** Stands behind the opening quote; returns where the closing one is, and stands behind it. */
  skipString(): number {
    const { bytes } = this;
    const end = this.#end;
    const shortEnd = Math.min(end, this.at + LONG_STRING_BYTES);
    let all = 0;
    this.#hasEscape = false;
    let at = this.at;
    while (at < shortEnd) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#hasHighByte = all >= 0x80;
        this.at = at + 1;
        return at;
      }
      all |= byte;
      if (byte === BACKSLASH) {
        this.#hasEscape = true;
        at += 2;
      } else {
        at++;
      }
    }
    return this.#skipLongString(at);
  }

  /** The text of a string between its quotes, of which #hasEscape was just found out or not. */
  decodeString(start: number, end: number): string {
    const { bytes } = this;
    const slash = bytes.subarray(start, end).indexOf(BACKSLASH);
    if (slash < 0) return this.#decode(bytes, start, end);
    if (end - start > CUT_BYTES) {
      return this.#unescapeRuns(start, end, (run, from, to) => this.#decode(run, from, to));
    }
    return this.#unescapeShort(start, end);
  }

  #skipLongString(from: number): number {
    const { bytes } = this;
    let at = from;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at);
      if (quote < 0 || quote >= this.#end) this.#malformed();
      let slashes = 0;
      while (bytes[quote - 1 - slashes] === BACKSLASH && quote - slashes > from) slashes++;
      if (slashes % 2 === 0) {
        // Whether it has escapes and high bytes is found out by who decodes it.
        this.#hasEscape = true;
        this.#hasHighByte = true;
        this.at = quote + 1;
        return quote;
      }
      at = quote + 1;
    }
  }

  #skipNumber(): void {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    for (;;) {
      const byte = bytes[at]!;
      // 0-9 + - . e E
      if (
        (byte >= 0x30 && byte <= 0x39) ||
        byte === 0x2d ||
        byte === 0x2e ||
        byte === 0x2b ||
        byte === 0x65 ||
        byte === 0x45
      ) {
        at++;
      } else {
        break;
      }
    }
    if (at === start || at > this.#end) this.#malformed();
    this.at = at;
  }

  #skipNested(open: number): void {
    const close = open === 0x5b ? 0x5d : 0x7d;
    this.at++;
    if (this.nextIs(close)) return;
    do {
      this.skipValue();
      if (open === 0x7b) {
        this.expect(0x3a);
        this.skipValue();
      }
    } while (this.nextIs(0x2c));
    this.expect(close);
  }

  #word<V>(word: string, value: V): V {
    for (let index = 0; index < word.length; index++) this.expect(word.charCodeAt(index));
    return value;
  }

  #asciiText(start: number, end: number): string {
    const { bytes } = this;
    if (bytes !== this.#chunk) {
      if (bytes.length > CHUNK_BYTES) return this.#latin1(start, end);
      this.#chunk = bytes;
      this.#text = bytes.latin1Slice(0, bytes.length);
    }
    return this.#text.substring(start, end);
  }

  #byteaText(start: number, end: number): string {
    if (end - start < CUT_BYTES) return `\\x${this.#asciiText(start, end)}`;
    // A large value is made with its prefix at once, in the place of `:"`, not copied for it again.
    const { bytes } = this;
    const before = bytes.readUInt16BE(start - 2);
    bytes.writeUInt16BE(0x5c78, start - 2);
    const text = this.#latin1(start - 2, end);
    bytes.writeUInt16BE(before, start - 2);
    return text;
  }

  #latin1(start: number, end: number): string {
    try {
      return this.bytes.latin1Slice(start, end);
    } catch {
      return this.#fail(TOO_LARGE);
    }
  }

  #decode(bytes: Buffer, start: number, end: number): string {
    let text: string | undefined;
    try {
      text = this.#encoding.decode(bytes, start, end);
    } catch {
      return this.#fail(TOO_LARGE);
    }
    return (
      text ?? this.#fail(`it has bytes that are not valid in ${describeEncoding(this.#encoding)}`)
    );
  }

  /** Takes the escapes out into a buffer of its own, which is decoded then. */
  #unescapeShort(start: number, end: number): string {
    const { bytes } = this;
    const scratch = this.#scratch;
    let length = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte !== BACKSLASH) {
        scratch[length++] = byte;
        continue;
      }
      const letter = bytes[++at]!;
      if (letter === 0x75) {
        const unit = this.#unicodeUnit(at + 1, end);
        if (unit >= 0x80) {
          return this.#unescapeRuns(start, end, (run, from, to) => this.#decode(run, from, to));
        }
        scratch[length++] = unit;
        at += 4;
      } else {
        scratch[length++] = ESCAPES[letter] ?? this.#malformed();
      }
    }
    return this.#decode(scratch, 0, length);
  }

  #unescapeRuns(
    start: number,
    end: number,
    decode: (bytes: Buffer, start: number, end: number) => string,
  ): string {
    const content = this.bytes.subarray(start, end);
    const parts: string[] = [];
    let at = 0;
    for (;;) {
      const slash = content.indexOf(BACKSLASH, at);
      const runEnd = slash < 0 ? content.length : slash;
      if (runEnd > at) parts.push(decode(content, at, runEnd));
      if (slash < 0) break;
      const letter = content[slash + 1]!;
      if (letter === 0x75) {
        parts.push(String.fromCharCode(this.#unicodeUnit(start + slash + 2, end)));
        at = slash + 6;
      } else {
        parts.push(String.fromCharCode(ESCAPES[letter] ?? this.#malformed()));
        at = slash + 2;
      }
    }
    let text: string;
    try {
      text = parts.join('');
    } catch {
      return this.#fail(TOO_LARGE);
    }
    if (LONE_SURROGATE.test(text)) this.#malformed();
    return text;
  }

  #unicodeUnit(at: number, end: number): number {
    if (at + 4 > end) this.#malformed();
    let unit = 0;
    for (let index = 0; index < 4; index++) {
      unit = unit * 16 + this.#hexDigit(this.bytes[at + index]!);
    }
    return unit;
  }

  #hexDigit(byte: number): number {
    if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
    const lower = byte | 0x20;
    if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
    return this.#malformed();
  }

  #malformed(): never {
    return this.#fail('it is not what wal2json writes in format version 2');
  }
}

function describeEncoding(encoding: StreamEncoding): string {
  return encoding.name === 'SQL_ASCII' ? 'UTF-8 (the database is SQL_ASCII)' : encoding.name;
}
