/**
 * Writes any text as a partition or row key: lower-case letters, digits and hyphens stay, every
 * other byte of the UTF-8 becomes `_xx`. Table Storage forbids some characters in keys, and a `%`
 * breaks clients that decode URLs twice.
 */
export function encodeKey(text: string): string {
  return text.replace(/[^a-z0-9-]/gu, (character) =>
    [...Buffer.from(character, 'utf8')]
      .map((byte) => `_${byte.toString(16).padStart(2, '0')}`)
      .join(''),
  );
}

/** The text that `encodeKey` wrote. */
export function decodeKey(key: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < key.length; i++) {
    if (key[i] === '_') {
      bytes.push(Number.parseInt(key.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(key.charCodeAt(i));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
