import pg from 'pg';
import type { CopyItem } from './batch.ts';
import { qualifiedSql } from './tables.ts';

/**
 * The source's statement. A plain table is read alone, without its children; a condition needs a
 * query, where ONLY says so. Columns are named on both sides, because their order may differ; where
 * there are none to name, the list is left out (COPY then takes all that are not generated: none).
 */
export function copyOutSql(item: CopyItem): string {
  const condition = item.part
    ? `where ${item.part.where}`
    : (item.extensionConfig?.condition ?? '').trim();
  const from =
    condition === ''
      ? `${qualifiedSql(item)}${columnList(item)}`
      : `(select ${columnNames(item)} from only ${qualifiedSql(item)} ${condition})`;
  return `copy ${from} to stdout (${copyOptions(item).join(', ')})`;
}

/** The target's statement. FREEZE needs a table that this transaction has truncated. */
export function copyInSql(item: CopyItem, options: { freeze: boolean }): string {
  const list = [...copyOptions(item), ...(options.freeze ? ['freeze'] : [])];
  return `copy ${qualifiedSql(item)}${columnList(item)} from stdin (${list.join(', ')})`;
}

function columnNames(item: CopyItem): string {
  return item.columns.map((name) => pg.escapeIdentifier(name)).join(', ');
}

function columnList(item: CopyItem): string {
  return item.columns.length === 0 ? '' : ` (${columnNames(item)})`;
}

function copyOptions(item: CopyItem): string[] {
  const encoding =
    item.encoding === undefined ? [] : [`encoding ${pg.escapeLiteral(item.encoding)}`];
  return [`format ${item.format}`, ...encoding];
}
