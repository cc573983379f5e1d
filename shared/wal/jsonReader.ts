import { isAscii } from 'node:buffer';
import type { DecodeBytes, StreamEncoding } from './encoding.ts';
import { hexDigit, unescapeInto, unescapeRuns } from './jsonEscapes.ts';
import type { StringErrors } from './jsonEscapes.ts';
import type { Lsn } from './lsn.ts';
import { matches } from './relations.ts';
import { SAFE_DIGITS } from './tuple.ts';
import { ValueBlock, ValueBlocks } from './valueBlock.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Up to this size an escaped string is put together in a buffer that is there already. */
const CUT_BYTES = 16 * 1024;

/** A string that is longer is searched by native code. */
const LONG_STRING_BYTES = 256;

const NOTHING = Buffer.alloc(0);
const NO_VALUES = new ValueBlock(0);

/** As the output function of bool prints them. */
const TRUE = Buffer.from('t');
const FALSE = Buffer.from('f');

const TOO_LARGE = 'a value is larger than this program can hold (512 MB of text)';

/**
 * Reads JSON without white space from bytes: values are the texts of PostgreSQL's output functions.
 * Numbers are never parsed.
 */
export class JsonReader {
  readonly #encoding: StreamEncoding;
  readonly #fail: (why: string) => never;
  bytes: Buffer = NOTHING;
  at = 0;
  #end = 0;
  readonly #blocks = new ValueBlocks();
  /** Where the message's values go. */
  block = NO_VALUES;
  #isLarge = false;
  /** Of the last skipString. */
  #hasEscape = false;
  #hasHighByte = false;
  /** Positions that were read before, by some of their bits. */
  readonly #highs: number[] = Array.from({ length: 8 }, () => -1);
  readonly #lows: number[] = Array.from({ length: 8 }, () => -1);
  readonly #lsns: Lsn[] = [];
  readonly #errors: StringErrors = {
    malformed: () => this.#malformed(),
    tooLong: () => this.#fail(TOO_LARGE),
  };
  readonly #scratch = Buffer.allocUnsafeSlow(CUT_BYTES);

  constructor(encoding: StreamEncoding, fail: (why: string) => never) {
    this.#encoding = encoding;
    this.#fail = fail;
  }

  begin(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.#end = end;
    this.#isLarge = ValueBlocks.isLarge(end - start);
    this.block = this.#blocks.blockFor(end - start);
  }

  /** Lets go of the message, which may be large. */
  release(): void {
    this.bytes = NOTHING;
    this.block = NO_VALUES;
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

  /** Passes those bytes if they come next. */
  passes(expected: Uint8Array): boolean {
    if (!matches(this.bytes, this.at, expected)) return false;
    this.at += expected.length;
    return true;
  }

  /** Adds a value to the block. `isBytea`: wal2json cuts `\x` off. */
  takeValue(isBytea: boolean): void {
    const first = this.bytes[this.at];
    if (first === QUOTE) {
      const start = ++this.at;
      const end = this.skipString();
      if (isBytea) this.block.addText(this.#byteaText(start, end));
      else if (this.#hasHighByte) this.block.addText(this.decodeString(start, end));
      else if (this.#hasEscape) this.#takeEscaped(start, end);
      else this.#takeAscii(start, end);
    } else if (first === 0x6e) {
      this.#word('null');
      this.block.addNull();
    } else if (first === 0x74) {
      this.#word('true');
      this.block.addAscii(TRUE, 0, TRUE.length);
    } else if (first === 0x66) {
      this.#word('false');
      this.block.addAscii(FALSE, 0, FALSE.length);
    } else {
      const start = this.at;
      this.#skipNumber();
      this.#takeAscii(start, this.at);
    }
  }

  readBoolean(): boolean {
    const isTrue = this.bytes[this.at] === 0x74;
    this.#word(isTrue ? 'true' : 'false');
    return isTrue;
  }

  /** An integer of up to 15 digits; null is 0. */
  readInteger(): number {
    const { bytes } = this;
    if (bytes[this.at] === 0x6e) {
      this.#word('null');
      return 0;
    }
    const isNegative = bytes[this.at] === 0x2d;
    const start = isNegative ? this.at + 1 : this.at;
    let value = 0;
    let at = start;
    for (; bytes[at]! >= 0x30 && bytes[at]! <= 0x39; at++) value = value * 10 + bytes[at]! - 0x30;
    if (at === start || at - start > SAFE_DIGITS || at > this.#end) this.#malformed();
    this.at = at;
    return isNegative ? -value : value;
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
    return this.#unescape(start, end, (bytes, from, to) => bytes.utf8Slice(from, to));
  }

  skipValue(): void {
    const first = this.bytes[this.at];
    if (first === QUOTE) {
      this.at++;
      this.skipString();
    } else if (first === 0x5b || first === 0x7b) {
      this.#skipNested(first);
    } else if (first === 0x6e) {
      this.#word('null');
    } else if (first === 0x74) {
      this.#word('true');
    } else if (first === 0x66) {
      this.#word('false');
    } else {
      this.#skipNumber();
    }
  }

  /** Stands behind the opening quote; returns where the closing one is, and stands behind it. */
  skipString(): number {
    const { bytes } = this;
    const end = this.#end;
    const start = this.at;
    const shortEnd = Math.min(end, start + LONG_STRING_BYTES);
    let all = 0;
    this.#hasEscape = false;
    let at = start;
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
    return this.#skipLongString(start, at);
  }

  /** The text of a string between its quotes, of which #hasEscape was just found out or not. */
  decodeString(start: number, end: number): string {
    const { bytes } = this;
    const slash = bytes.subarray(start, end).indexOf(BACKSLASH);
    if (slash < 0) return this.#decode(bytes, start, end);
    const length = this.#unescapeShort(start, end);
    if (length !== undefined) return this.#decode(this.#scratch, 0, length);
    return this.#unescape(start, end, (run, from, to) => this.#decode(run, from, to));
  }

  #skipLongString(start: number, from: number): number {
    const { bytes } = this;
    let at = from;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at);
      if (quote < 0 || quote >= this.#end) this.#malformed();
      let slashes = 0;
      while (bytes[quote - 1 - slashes] === BACKSLASH && quote - slashes > from) slashes++;
      if (slashes % 2 === 0) {
        const content = bytes.subarray(start, quote);
        this.#hasEscape = content.includes(BACKSLASH);
        this.#hasHighByte = !isAscii(content);
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

  #word(word: string): void {
    for (let index = 0; index < word.length; index++) this.expect(word.charCodeAt(index));
  }

  #takeAscii(start: number, end: number): void {
    if (this.#isLarge) this.block.addText(this.#latin1(start, end));
    else this.block.addAscii(this.bytes, start, end);
  }

  /** ASCII with escapes; most of them stand for ASCII too. */
  #takeEscaped(start: number, end: number): void {
    const length = this.#isLarge ? undefined : this.#unescapeShort(start, end);
    if (length === undefined) this.block.addText(this.decodeString(start, end));
    else this.block.addAscii(this.#scratch, 0, length);
  }

  #byteaText(start: number, end: number): string {
    if (end - start < CUT_BYTES) return `\\x${this.#latin1(start, end)}`;
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

  /** Leaves a string in #scratch; gives its length, or undefined where that does not do. */
  #unescapeShort(start: number, end: number): number | undefined {
    if (end - start > CUT_BYTES) return undefined;
    return unescapeInto(this.#scratch, this.bytes, start, end, this.#errors);
  }

  #unescape(start: number, end: number, decode: (...run: Parameters<DecodeBytes>) => string) {
    return unescapeRuns(this.bytes.subarray(start, end), decode, this.#errors);
  }

  #hexDigit(byte: number): number {
    const digit = hexDigit(byte);
    return digit < 0 ? this.#malformed() : digit;
  }

  #malformed(): never {
    return this.#fail('it is not what wal2json writes in format version 2');
  }
}

function describeEncoding(encoding: StreamEncoding): string {
  return encoding.name === 'SQL_ASCII' ? 'UTF-8 (the database is SQL_ASCII)' : encoding.name;
}
