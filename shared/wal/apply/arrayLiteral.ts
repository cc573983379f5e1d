import type { Value } from '../messages.ts';

const NEEDS_ESCAPE = /["\\]/;
const ESCAPED = /["\\]/g;

/**
 * A one-dimensional array's text. `isPlain` says that no element needs quotes. Elements are joined
 * at the end: a string that grows by each of them leaves two small objects behind for every one.
 */
export class ArrayLiteral {
  readonly #elements: Value[] = [];
  readonly #isPlain: boolean;
  readonly #delimiter: string;
  #hasNull = false;

  constructor(isPlain: boolean, delimiter: string) {
    this.#isPlain = isPlain;
    this.#delimiter = delimiter;
  }

  add(value: Value): void {
    if (value === null) this.#hasNull = true;
    const isEscaped = value !== null && !this.#isPlain && NEEDS_ESCAPE.test(value);
    this.#elements.push(isEscaped ? value.replace(ESCAPED, String.raw`\$&`) : value);
  }

  toString(): string {
    const elements = this.#elements;
    const delimiter = this.#delimiter;
    if (elements.length === 0) return '{}';
    if (this.#isPlain) {
      const texts = this.#hasNull ? elements.map((element) => element ?? 'NULL') : elements;
      return `{${texts.join(delimiter)}}`;
    }
    if (!this.#hasNull) return `{"${elements.join(`"${delimiter}"`)}"}`;
    const texts = elements.map((element) => (element === null ? 'NULL' : `"${element}"`));
    return `{${texts.join(delimiter)}}`;
  }
}
