import { printable } from './printable.ts';

/** Names may hold anything; none of it may become markup. */
export function markdownText(value: string): string {
  return printable(value).replaceAll(/[\\`*_{}[\]<>#|~&!]/g, '\\$&');
}

/** To be read letter by letter; not for the cell of a table, where a pipe would end it. */
export function markdownCode(value: string): string {
  const shown = printable(value);
  if (!shown.includes('`')) return `\`${shown}\``;
  const fence = '`'.repeat(longestRun(shown) + 1);
  return `${fence} ${shown} ${fence}`;
}

/** Several lines that are copied from the document: they must be there as they are. */
export function markdownBlock(text: string, language = ''): string {
  const fence = '`'.repeat(Math.max(2, longestRun(text)) + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
