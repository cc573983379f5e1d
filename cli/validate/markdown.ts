import {
  markdownBlock,
  markdownCode as code,
  markdownText as text,
} from '../../shared/api/markdownText.ts';
import type { ValidationFinding, ValidationReport } from '../../shared/api/validationReport.ts';
import { formatBytes, formatDuration } from '../terminal/units.ts';
import { estimateCells, notCheckedLines, verdictOf } from './report.ts';

/** The report as a document of its own, for people who have no pgmove. */
export function renderMarkdown(report: ValidationReport): string {
  const parts = [
    `# Validation ${text(report.migrationName)}`,
    `**${verdictOf(report)}**`,
    facts(report),
  ];
  if (report.error !== '') parts.push(text(report.error));
  if (report.databases.length > 0) parts.push('## Databases', databaseTable(report));
  const largest = report.databases.flatMap(({ databaseName, estimate }) =>
    (estimate?.largestTables ?? []).map(
      ({ name, bytes }) => `- ${code(`${databaseName}: ${name}`)}: ${formatBytes(bytes)}`,
    ),
  );
  if (largest.length > 0) parts.push('Largest tables:', largest.join('\n'));
  const titles = { Failed: 'Failures', Warning: 'Warnings', Succeeded: 'Remarks' } as const;
  for (const state of ['Failed', 'Warning', 'Succeeded'] as const) {
    const found = report.findings.filter((item) => item.state === state);
    if (found.length > 0) parts.push(`## ${titles[state]}`, ...found.map(findingText));
  }
  const unchecked = notCheckedLines(report);
  if (unchecked.length > 0) {
    parts.push('## Not checked', unchecked.map((line) => `- ${text(line)}`).join('\n'));
  }
  if (report.rules.length > 0) parts.push('## Rules', ruleTable(report));
  return `${parts.join('\n\n')}\n`;
}

function facts(report: ValidationReport): string {
  const server = ({ host, port, user, version }: ValidationReport['source']) =>
    `${code(`${host}:${port}`)} as ${code(user)}` +
    (version === undefined ? '' : `, PostgreSQL ${text(version)}`);
  const items = [
    `Source: ${server(report.source)}`,
    `Target: ${server(report.target)}`,
    `Mode: ${report.migrationMode}`,
  ];
  if (report.startedOn !== undefined) {
    const took =
      report.durationMs === undefined ? '' : `, took ${formatDuration(report.durationMs)}`;
    items.push(`Validated: ${report.startedOn}${took}`);
  }
  return items.map((item) => `- ${item}`).join('\n');
}

function databaseTable(report: ValidationReport): string {
  const rows = report.databases.map((row) =>
    [
      text(row.databaseName),
      text(row.targetDatabaseName),
      row.status ?? 'not validated',
      String(row.failed),
      String(row.warnings),
      row.durationMs === undefined ? '' : formatDuration(row.durationMs),
      ...estimateCells(row),
    ].join(' | '),
  );
  return [
    '| Database | On the target | Validation | Failures | Warnings | Duration | Size | Copy, estimated |',
    '| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}

function ruleTable(report: ValidationReport): string {
  const rows = report.rules.map((rule) =>
    [
      text(rule.databaseName ?? 'Servers'),
      text(rule.ruleId),
      rule.state,
      rule.startedOn,
      `${rule.durationMs} ms`,
    ].join(' | '),
  );
  return [
    '| Database | Rule | Validation | Start | Duration |',
    '| --- | --- | --- | --- | ---: |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}

function findingText(finding: ValidationFinding): string {
  const rule = [finding.ruleId ?? finding.type, finding.code].filter(Boolean).join(', ');
  const parts = [
    `### ${text(finding.databaseName ?? 'Servers')}: ${text(rule)}`,
    text(finding.message),
  ];
  if (finding.remedy !== undefined) {
    parts.push(`Remedy:\n\n${markdownBlock(finding.remedy, 'sql')}`);
  }
  return parts.join('\n\n');
}
