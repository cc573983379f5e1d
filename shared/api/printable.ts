/**
 * Names may hold anything; a control character in one must not move the cursor or break a line, nor
 * one that turns the direction of a text make it read as another.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\u00b7');
}
