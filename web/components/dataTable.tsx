import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ComponentChildren;
  /** Numbers stand right. */
  isNumber?: boolean;
  /** Names the row. */
  isHeader?: boolean;
}

interface DataTableProps<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  rowClass?: (row: Row) => string;
}

/**
 * A table that becomes a list of cards on a narrow screen. The roles are written out, because a
 * browser forgets those of a table that is laid out as something else.
 */
export function DataTable<Row>({ caption, columns, rows, keyOf, rowClass }: DataTableProps<Row>) {
  return (
    <table class="data-table" role="table">
      <caption class="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ id, header, isNumber }) => (
            <th
              key={id}
              role="columnheader"
              scope="col"
              class={isNumber ? 'cell-number' : undefined}
            >
              {header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row" class={rowClass?.(row)}>
            {columns.map((column) => (
              <Cell key={column.id} column={column} row={row} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const { header, isNumber, isHeader, id } = column;
  const className = `cell cell-${id}${isNumber ? ' cell-number' : ''}`;
  const content = <div class="cell-value">{column.cell(row)}</div>;
  if (isHeader) {
    return (
      <th role="rowheader" scope="row" class={className}>
        {content}
      </th>
    );
  }
  return (
    <td role="cell" class={className}>
      <span class="cell-label" aria-hidden="true">
        {header}
      </span>
      {content}
    </td>
  );
}
