import type { Comparison } from '../shared/pg/compare/compareDatabases.ts';
import type { TableComparison } from '../shared/pg/compare/content.ts';
import { renderTable } from './terminal/table.ts';
import { formatCount, formatDuration } from './terminal/units.ts';
import { printable } from './terminal/width.ts';

/** A comparison for people: a table of what was compared, then what differs, then one sentence. */
export function renderComparison(comparison: Comparison): string {
  const { sections, tables, durations } = comparison;
  const differing = tables.filter((table) => !table.equal);
  const rowCount = (side: 'sourceRows' | 'targetRows'): string =>
    formatCount(tables.reduce((sum, table) => sum + (table[side] ?? 0), 0));
  const summary = sections
    .filter(
      (section) => section.sourceCount + section.targetCount > 0 || section.differences.length > 0,
    )
    .map((section) => [
      section.name,
      formatCount(section.sourceCount),
      formatCount(section.targetCount),
      result(section.differences.length),
    ]);
  if (tables.length > 0) {
    const counts = [rowCount('sourceRows'), rowCount('targetRows')];
    summary.push([
      `rows of ${formatCount(tables.length)} tables`,
      ...counts,
      result(differing.length),
    ]);
  }
  const parts = [
    renderTable(
      [
        { title: 'compared' },
        { title: 'source', align: 'right' },
        { title: 'target', align: 'right' },
        { title: 'result' },
      ],
      summary,
    ),
  ];
  for (const section of sections) {
    parts.push(
      list(section.name, section.differences),
      list(`note: ${section.name}`, section.notes),
    );
  }
  parts.push(list('rows', differing.flatMap(describeTable)));
  const total = formatDuration(durations.schemaMs + durations.contentMs);
  const count = sections.reduce(
    (sum, { differences }) => sum + differences.length,
    differing.length,
  );
  parts.push(
    comparison.equal
      ? `The databases are equal (${total}).\n`
      : `The databases differ in ${formatCount(count)} ${count === 1 ? 'object' : 'objects'} (${total}).\n`,
  );
  return parts.filter((part) => part !== '').join('\n');
}

function result(count: number): string {
  if (count === 0) return 'equal';
  return count === 1 ? '1 differs' : `${formatCount(count)} differ`;
}

function list(title: string, items: readonly { object: string; detail: string }[]): string {
  if (items.length === 0) return '';
  const lines = items.map(({ object, detail }) => `  ${printable(object)}: ${printable(detail)}\n`);
  return `${title}\n${lines.join('')}`;
}

function describeTable(table: TableComparison): { object: string; detail: string }[] {
  const object = `${table.schema}.${table.name}`;
  const lines = [{ object, detail: table.detail ?? 'differs' }];
  const { differingKeys } = table;
  if (differingKeys === undefined) return lines;
  for (const { kind, key, rows } of differingKeys.keys) {
    const what = {
      missing: 'missing on the target',
      extra: 'only on the target',
      different: 'different',
    }[kind];
    const count = rows === 1 ? '' : `${formatCount(rows)} rows `;
    lines.push({ object: `  ${key ?? 'without a key'}`, detail: `${count}${what}` });
  }
  if (differingKeys.hasMore) lines.push({ object: '  …', detail: 'and more' });
  return lines;
}
