import type { Value } from './messages.ts';
import { keyOfText, SAFE_DIGITS } from './tuple.ts';
import type { Tuple } from './tuple.ts';

/** So many rows share a block that making one costs nothing. */
const BLOCK_BYTES = 256 * 1024;
const FIRST_CAPACITY = 8 * 1024;

/** With the texts that were decoded, a block keeps about so much in memory while a row of it is used. */
const MOST_MESSAGES_BYTES = 4 * BLOCK_BYTES;

/** A larger message has a block of its own, with nothing but the places of its texts. */
const LARGE_MESSAGE_BYTES = BLOCK_BYTES / 4;
/** A table has at most 1,600 columns, and a message its values twice. */
const PLACES_BYTES = 16 * 1024;

/** An entry is where a value ends, and what its bytes are. */
const END_MASK = 0xf_ffff;
const KIND_MASK = ~END_MASK;
const ASCII = 0;
const NULL = 0x10_0000;
/** The bytes are the index of a text, which had to be decoded. */
const TEXT = 0x20_0000;
const TEXT_BYTES = 4;

/** From here on a copy by native code costs less than one byte by byte. */
const LONG_BYTES = 48;

const ZERO = 0x30;
const MINUS = 0x2d;

/**
 * Values of many rows of the stream, one behind the other: a row is then two numbers, and not an
 * object for every value, which the garbage collector would move around as long as the row waits for
 * the target.
 */
export class ValueBlock {
  readonly bytes: Buffer;
  readonly texts: string[] = [];
  entries = new Int32Array(FIRST_CAPACITY);
  count = 0;
  #end = 0;

  constructor(size = BLOCK_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Bytes that are left. */
  get room(): number {
    return this.bytes.length - this.#end;
  }

  addAscii(from: Buffer, start: number, end: number): void {
    const { bytes } = this;
    let to = this.#end;
    if (end - start >= LONG_BYTES) {
      to += from.copy(bytes, to, start, end);
    } else {
      for (let at = start; at < end; at++) bytes[to++] = from[at]!;
    }
    this.#add(to, ASCII);
  }

  addText(text: string): void {
    this.bytes.writeUInt32LE(this.texts.push(text) - 1, this.#end);
    this.#add(this.#end + TEXT_BYTES, TEXT);
  }

  addNull(): void {
    this.#add(this.#end, NULL);
  }

  #add(end: number, kind: number): void {
    if (this.count === this.entries.length) {
      const larger = new Int32Array(2 * this.count);
      larger.set(this.entries);
      this.entries = larger;
    }
    this.entries[this.count++] = end | kind;
    this.#end = end;
  }
}

/** Some values of a block that follow each other. */
export class BlockTuple implements Tuple {
  readonly #block: ValueBlock;
  readonly #first: number;
  readonly length: number;

  constructor(block: ValueBlock, first: number, length: number) {
    this.#block = block;
    this.#first = first;
    this.length = length;
  }

  at(index: number): Value {
    const entry = this.#entry(index);
    const kind = entry & KIND_MASK;
    if (kind === NULL) return null;
    const start = this.#start(index);
    if (kind === TEXT) return this.#text(start);
    return this.#block.bytes.latin1Slice(start, entry);
  }

  texts(): Value[] {
    return Array.from({ length: this.length }, (_, index) => this.at(index));
  }

  isNull(index: number): boolean {
    return (this.#entry(index) & KIND_MASK) === NULL;
  }

  key(index: number): string | number | null {
    const end = this.#entry(index);
    if ((end & KIND_MASK) !== ASCII) {
      const text = this.at(index);
      return text === null ? null : keyOfText(text);
    }
    const { bytes } = this.#block;
    const start = this.#start(index);
    const isNegative = bytes[start] === MINUS;
    const from = isNegative ? start + 1 : start;
    const digits = end - from;
    if (digits <= 0 || digits > SAFE_DIGITS) return this.at(index);
    if (bytes[from] === ZERO && (digits > 1 || isNegative)) return this.at(index);
    let value = 0;
    for (let at = from; at < end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) return this.at(index);
      value = value * 10 + digit;
    }
    return isNegative ? -value : value;
  }

  byteLength(index: number): number {
    const entry = this.#entry(index);
    const kind = entry & KIND_MASK;
    if (kind === NULL) return 0;
    const start = this.#start(index);
    return kind === TEXT ? Buffer.byteLength(this.#text(start)) : entry - start;
  }

  write(index: number, target: Buffer, at: number): number {
    const entry = this.#entry(index);
    const kind = entry & KIND_MASK;
    if (kind === NULL) return at;
    const start = this.#start(index);
    if (kind === TEXT) return at + target.write(this.#text(start), at);
    const { bytes } = this.#block;
    if (entry - start >= LONG_BYTES) return at + bytes.copy(target, at, start, entry);
    let to = at;
    for (let from = start; from < entry; from++) target[to++] = bytes[from]!;
    return to;
  }

  #entry(index: number): number {
    if (index < 0 || index >= this.length) return NULL;
    return this.#block.entries[this.#first + index]!;
  }

  #start(index: number): number {
    const at = this.#first + index - 1;
    return at < 0 ? 0 : this.#block.entries[at]! & END_MASK;
  }

  #text(start: number): string {
    return this.#block.texts[this.#block.bytes.readUInt32LE(start)]!;
  }
}

/** Finds room for the values of message after message. */
export class ValueBlocks {
  #block = new ValueBlock();
  #messagesBytes = 0;

  /** Whether the values of a message of that size are to be added as texts only. */
  static isLarge(messageBytes: number): boolean {
    return messageBytes > LARGE_MESSAGE_BYTES;
  }

  blockFor(messageBytes: number): ValueBlock {
    if (ValueBlocks.isLarge(messageBytes)) return new ValueBlock(PLACES_BYTES);
    this.#messagesBytes += messageBytes;
    // No value takes more bytes than it has in its message with its column's name.
    if (this.#block.room < messageBytes || this.#messagesBytes > MOST_MESSAGES_BYTES) {
      this.#block = new ValueBlock();
      this.#messagesBytes = messageBytes;
    }
    return this.#block;
  }
}
