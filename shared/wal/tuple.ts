import type { Value } from './messages.ts';

/**
 * The values of one row in a change, in the order of its columns. Of a stream most of them only pass
 * through to the target: a text is made of one when it is asked for, and no sooner.
 */
export interface Tuple {
  readonly length: number;
  /** The text; null for NULL, and where there is no such column. */
  at(index: number): Value;
  /** All of them. */
  texts(): Value[];
  isNull(index: number): boolean;
  /**
   * What tells the value from others of its column: a number for the text of an integer of up to
   * SAFE_DIGITS digits, else the text.
   */
  key(index: number): string | number | null;
  /** Bytes of the text in UTF-8; 0 for NULL. */
  byteLength(index: number): number;
  /** Writes the text in UTF-8; gives the position behind it. */
  write(index: number, target: Buffer, at: number): number;
}

/** Up to this many digits an integer is exact as a double. */
export const SAFE_DIGITS = 15;

/** Values that are texts already. */
export class TextTuple implements Tuple {
  readonly #values: readonly Value[];

  constructor(values: readonly Value[]) {
    this.#values = values;
  }

  get length(): number {
    return this.#values.length;
  }

  at(index: number): Value {
    return this.#values[index] ?? null;
  }

  texts(): Value[] {
    return [...this.#values];
  }

  isNull(index: number): boolean {
    return this.at(index) === null;
  }

  key(index: number): string | number | null {
    const text = this.at(index);
    return text === null ? null : keyOfText(text);
  }

  byteLength(index: number): number {
    const text = this.at(index);
    return text === null ? 0 : Buffer.byteLength(text);
  }

  write(index: number, target: Buffer, at: number): number {
    return at + target.write(this.at(index) ?? '', at);
  }
}

/** Two texts have the same key only if they are the same: `05`, `-0` and `1e3` stay texts. */
export function keyOfText(text: string): string | number {
  if (text.length > SAFE_DIGITS + 1) return text;
  const value = Number(text);
  const isKept = Number.isInteger(value) && Math.abs(value) < 10 ** SAFE_DIGITS;
  return isKept && String(value) === text ? value : text;
}
