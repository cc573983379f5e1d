import { createHash } from 'node:crypto';
import { printable } from '../printable.ts';
import { inlines } from './document.ts';
import type { Block, Cell, Inline, ReportDocument } from './document.ts';
import { STYLESHEET } from './stylesheet.ts';

/** Nothing is loaded and nothing runs, wherever the file is opened. */
export const CONTENT_SECURITY_POLICY =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLESHEET).digest('base64')}'; ` +
  "base-uri 'none'; form-action 'none'";

/** The document as one file without scripts, for screens and for paper. */
export function renderHtml({ title, blocks }: ReportDocument): string {
  const plain = inlines(title)
    .map((inline) =>
      typeof inline === 'string' ? inline : 'code' in inline ? inline.code : inline.text,
    )
    .join('');
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escapeHtml(CONTENT_SECURITY_POLICY)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(printable(plain))}</title>`,
    `<style>${STYLESHEET}</style>`,
    '</head>',
    '<body>',
    '<main>',
    `<h1>${html(title)}</h1>`,
    ...blocks.map(blockHtml),
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h${block.level}>${html(block.text)}</h${block.level}>`;
    case 'paragraph':
      return block.tone === undefined
        ? `<p>${html(block.text)}</p>`
        : `<p class="verdict ${block.tone}">${html(block.text)}</p>`;
    case 'facts': {
      const rows = block.facts.map(([name, value]) => {
        return `<div><dt>${escapeHtml(name)}</dt><dd>${html(value)}</dd></div>`;
      });
      return `<dl>\n${rows.join('\n')}\n</dl>`;
    }
    case 'list':
      return `<ul>\n${block.items.map((item) => `<li>${html(item)}</li>`).join('\n')}\n</ul>`;
    case 'table':
      return tableHtml(block);
    case 'code':
      return `<pre><code>${escapeHtml(block.text)}</code></pre>`;
  }
}

function tableHtml({ columns, rows }: Extract<Block, { kind: 'table' }>): string {
  const classOf = (index: number) => (columns[index]?.align === 'right' ? ' class="number"' : '');
  const head = columns.map(
    ({ title }, index) => `<th scope="col"${classOf(index)}>${escapeHtml(title)}</th>`,
  );
  const body = rows.map((cells) => {
    const row = cells.map((cell, index) => `<td${classOf(index)}>${html(cell)}</td>`);
    return `<tr>${row.join('')}</tr>`;
  });
  return [
    '<div class="table" tabindex="0"><table>',
    `<thead><tr>${head.join('')}</tr></thead>`,
    '<tbody>',
    ...body,
    '</tbody>',
    '</table></div>',
  ].join('\n');
}

function html(cell: Cell): string {
  return inlines(cell).map(inlineHtml).join('');
}

function inlineHtml(inline: Inline): string {
  if (typeof inline === 'string') return escapeHtml(inline);
  if ('code' in inline) return `<code>${escapeHtml(printable(inline.code))}</code>`;
  return `<span class="${inline.tone}">${escapeHtml(inline.text)}</span>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Lines stay lines; what else cannot be seen is shown as a dot. */
export function escapeHtml(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line).replaceAll(/[&<>"']/g, (found) => ENTITIES[found] ?? ''))
    .join('\n');
}
