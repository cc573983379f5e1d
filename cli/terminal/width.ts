import { stripVTControlCharacters } from 'node:util';

export { printable } from '../../shared/api/printable.ts';

const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Columns that a text takes: colours take none, East Asian characters and emoji two. */
export function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of segments.segment(plain)) width += segmentWidth(segment);
  return width;
}

function segmentWidth(segment: string): number {
  if (/^\p{M}+$/u.test(segment)) return 0;
  return /\p{Extended_Pictographic}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
    segment,
  )
    ? 2
    : 1;
}

/** Cuts to a width, with an ellipsis; colours are given up where it has to cut. */
export function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let result = '';
  let used = 0;
  for (const { segment } of segments.segment(stripVTControlCharacters(text))) {
    const wide = segmentWidth(segment);
    if (used + wide > width - 1) break;
    result += segment;
    used += wide;
  }
  return `${result}…`;
}
