/** A document in parts, without any markup: what it says is one thing, how it is written another. */

/** A name, a statement or another text that is to be read letter by letter is `code`. */
export type Inline = string | { code: string } | { text: string; tone: Tone };

/** How a state is shown where there are colours. */
export type Tone = 'good' | 'warning' | 'bad';

export type Cell = Inline | readonly Inline[];

export interface ReportColumn {
  title: string;
  align?: 'right';
}

export type Block =
  | { kind: 'heading'; level: 2 | 3; text: Cell }
  | { kind: 'paragraph'; text: Cell; tone?: Tone }
  | { kind: 'facts'; facts: readonly (readonly [name: string, value: Cell])[] }
  | { kind: 'list'; items: readonly Cell[] }
  | { kind: 'table'; columns: readonly ReportColumn[]; rows: readonly (readonly Cell[])[] }
  | { kind: 'code'; text: string };

export interface ReportDocument {
  title: Cell;
  blocks: readonly Block[];
}

export function inlines(cell: Cell): readonly Inline[] {
  return typeof cell === 'object' && Array.isArray(cell) ? cell : [cell as Inline];
}
