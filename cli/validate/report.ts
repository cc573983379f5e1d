import { styleText } from 'node:util';
import type { ValidationFinding, ValidationReport } from '../../shared/api/validationReport.ts';
import { renderTable } from '../terminal/table.ts';
import { formatBytes, formatDuration } from '../terminal/units.ts';
import { printable } from '../terminal/width.ts';

/** The report for a terminal. Ends with a newline. */
export function renderReport(report: ValidationReport, options: { isColored: boolean }): string {
  const parts: string[] = [];
  if (report.databases.length > 0) {
    parts.push(
      renderTable(
        [
          { title: 'database' },
          { title: 'validation' },
          { title: 'failed', align: 'right' },
          { title: 'warnings', align: 'right' },
          { title: 'duration', align: 'right' },
          { title: 'size', align: 'right' },
          { title: 'copy, estimated', align: 'right' },
        ],
        report.databases.map((row) => [
          printable(
            row.targetDatabaseName === row.databaseName
              ? row.databaseName
              : `${row.databaseName} → ${row.targetDatabaseName}`,
          ),
          row.status ?? 'not validated',
          String(row.failed),
          String(row.warnings),
          row.durationMs === undefined ? '' : formatDuration(row.durationMs),
          ...estimateCells(row),
        ]),
        options,
      ),
    );
  }
  for (const finding of report.findings) parts.push(renderFinding(finding, options.isColored));
  for (const line of notCheckedLines(report)) parts.push(`${lines(line)}\n`);
  const slow = slowestRules(report);
  if (slow !== '') parts.push(`${lines(slow)}\n`);
  if (report.error !== '') parts.push(`${lines(report.error)}\n`);
  parts.push(`${verdictOf(report)}\n`);
  return parts.join('\n');
}

/** Size, and how long the copy may take. */
export function estimateCells({ estimate }: ValidationReport['databases'][number]): string[] {
  if (estimate === undefined) return ['', ''];
  const { tableBytes, indexBytes, seconds } = estimate;
  return [
    formatBytes(tableBytes + indexBytes),
    seconds === undefined ? '' : `about ${formatDuration(seconds * 1000)}`,
  ];
}

/** What nobody looked at, and why: rules with one reason on one line. */
export function notCheckedLines(report: ValidationReport): string[] {
  const byReason = new Map<string, Set<string>>();
  for (const { ruleId, databaseName, reason } of report.notChecked) {
    const name = databaseName === undefined ? ruleId : `${ruleId} of ${databaseName}`;
    byReason.set(reason, (byReason.get(reason) ?? new Set()).add(name));
  }
  return [...byReason].map(([reason, names]) => `Not checked: ${[...names].join(', ')}. ${reason}`);
}

const SLOW_MS = 500;
const SLOW_RULES = 5;

/** The rules that took longest, where any took long; every one is in the JSON and the Markdown. */
function slowestRules({ rules }: ValidationReport): string {
  const slow = rules
    .filter(({ durationMs }) => durationMs >= SLOW_MS)
    .sort((a, b) => b.durationMs - a.durationMs)
    .slice(0, SLOW_RULES);
  if (slow.length === 0) return '';
  const named = slow.map(
    ({ ruleId, databaseName, durationMs }) =>
      `${ruleId} (${databaseName ?? 'servers'}) ${formatDuration(durationMs)}`,
  );
  return `Slowest rules: ${named.join(', ')}.`;
}

/** What the report comes to, in a sentence. */
export function verdictOf(report: ValidationReport): string {
  const failed = report.findings.filter((item) => item.state === 'Failed').length;
  const warnings = report.findings.filter((item) => item.state === 'Warning').length;
  const found = `${counted(failed, 'failure')}, ${counted(warnings, 'warning')}`;
  if (report.status === undefined) return `The validation did not come to its end (${found}).`;
  if (report.status === 'Failed') return `A migration would be refused: ${found}.`;
  return `A migration may start: ${found}.`;
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function renderFinding(finding: ValidationFinding, isColored: boolean): string {
  const { state, ruleId, code, type } = finding;
  const styled = isColored
    ? styleText(['bold', state === 'Failed' ? 'red' : 'yellow'], state, { validateStream: false })
    : state;
  const where = printable(finding.databaseName ?? 'servers');
  const rule = [ruleId ?? type, code].filter(Boolean).join(', ');
  const text = [`${styled}  ${where}  ${rule}`, indent(lines(finding.message))];
  if (finding.remedy !== undefined) text.push(indent(lines(finding.remedy)));
  return `${text.join('\n')}\n`;
}

/** Names in it may hold anything, but a remedy may have several lines. */
function lines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
