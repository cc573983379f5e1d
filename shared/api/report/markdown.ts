import { markdownBlock, markdownCode, markdownText } from '../markdownText.ts';
import { printable } from '../printable.ts';
import { inlines } from './document.ts';
import type { Block, Cell, Inline, ReportDocument } from './document.ts';

/** The document as GitHub's Markdown, with tables. Ends with a newline. */
export function renderMarkdown({ title, blocks }: ReportDocument): string {
  return `${[`# ${text(title)}`, ...blocks.map(blockText)].join('\n\n')}\n`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${text(block.text)}`;
    case 'paragraph':
      return block.tone === undefined ? text(block.text) : `**${text(block.text)}**`;
    case 'facts':
      return block.facts.map(([name, value]) => `- ${name}: ${text(value)}`).join('\n');
    case 'list':
      return block.items.map((item) => `- ${text(item)}`).join('\n');
    case 'table':
      return tableText(block);
    case 'code':
      return markdownBlock(block.text, 'sql');
  }
}

function tableText({ columns, rows }: Extract<Block, { kind: 'table' }>): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
    ...rows.map((cells) => line(cells.map((cell) => inlines(cell).map(cellText).join('')))),
  ].join('\n');
}

function text(cell: Cell): string {
  return inlines(cell).map(inlineText).join('');
}

function inlineText(inline: Inline): string {
  if (typeof inline === 'string') return markdownText(inline);
  return 'code' in inline ? markdownCode(inline.code) : markdownText(inline.text);
}

/** A pipe ends a cell even inside of code: such a name is written as text. */
function cellText(inline: Inline): string {
  const isSplit = typeof inline === 'object' && 'code' in inline && /[|\\]/.test(inline.code);
  return isSplit ? markdownText(printable(inline.code)) : inlineText(inline);
}
