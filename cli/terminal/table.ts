import { styleText } from 'node:util';
import { displayWidth } from './width.ts';

export interface Column {
  title: string;
  align?: 'left' | 'right';
}

export interface TableOptions {
  /** Colours; default: what the terminal of stdout can do. */
  isColored?: boolean;
}

/** Rows under underlined titles, columns as wide as their widest cell. Ends with a newline. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const isColored = options.isColored ?? process.stdout.hasColors?.() ?? false;
  const widths = columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(row[index] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => pad(cells[index] ?? '', widths[index] ?? 0, column.align ?? 'left'))
      .join('  ')
      .trimEnd();
  const title = line(columns.map((column) => column.title));
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const dim = (text: string): string =>
    isColored ? styleText('dim', text, { validateStream: false }) : text;
  const bold = (text: string): string =>
    isColored ? styleText('bold', text, { validateStream: false }) : text;
  return [bold(title), dim(rule), ...rows.map(line), ''].join('\n');
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const gap = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + gap : gap + text;
}
