import { renderTable } from '../cli/terminal/table.ts';
import { median } from './measure.ts';
import type { BenchResults, CaseResult, ContenderResult, Outcome } from './results.ts';

const COLUMNS = [
  { title: 'Case' },
  { title: 'What' },
  { title: 'Median', align: 'right' },
  { title: 'Runs' },
  { title: 'Ratio', align: 'right' },
  { title: 'Limit', align: 'right' },
  { title: 'Goal', align: 'right' },
  { title: 'Verdict' },
] as const;

export function renderTerminalReport(results: BenchResults): string {
  return renderTable(COLUMNS, results.cases.flatMap(rowsOf));
}

export interface ReportHeading {
  title: string;
  /** Lines that say what was measured and how. */
  about: readonly string[];
}

export function renderMarkdownReport(results: BenchResults, heading: ReportHeading): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = COLUMNS.map((column) => ('align' in column ? '---:' : '---'));
  return [
    `# ${heading.title}`,
    '',
    ...heading.about,
    '',
    line(COLUMNS.map(({ title }) => title)),
    line(rule),
    ...results.cases.flatMap(rowsOf).map(line),
    '',
    ...results.cases.map(provenance),
    '',
  ].join('\n');
}

function provenance({ key, scale, measuredOn, machine, programs }: CaseResult): string {
  const { processor, cores, memoryGigabytes, node, postgres } = machine;
  return (
    `- (${key}) ${measuredOn.slice(0, 10)}, scale ${scale}: ${cores} cores of ${processor}, ` +
    `${memoryGigabytes} GB, PostgreSQL ${postgres}, ${[`Node ${node}`, ...programs].join(', ')}`
  );
}

/** One row for each contender with the goal against it, then the goals that stand alone. */
function rowsOf(result: CaseResult): string[][] {
  const ratioOf = (name: string): Outcome | undefined =>
    result.outcomes.find(({ what }) => what === `ratio to ${name}`);
  const rows = result.contenders.map((contender) => {
    const outcome = ratioOf(contender.name);
    return [
      contender.name,
      ...secondsOf(contender),
      outcome === undefined ? '' : formatNumber(outcome.value, 2),
      ...bounds(outcome, 2, ''),
    ];
  });
  for (const outcome of result.outcomes) {
    if (outcome.what.startsWith('ratio to ')) continue;
    const isMemory = outcome.what.startsWith('memory');
    const [unit, digits] = isMemory ? [' MB', 0] : [' s', 1];
    const value =
      isMemory || outcome.value === undefined
        ? `${formatNumber(outcome.value, digits)}${unit}`
        : `${formatSeconds(outcome.value)} s`;
    rows.push([outcome.what, value, '', '', ...bounds(outcome, digits, unit)]);
  }
  return rows.map((row, index) => [index === 0 ? `(${result.key}) ${result.title}` : '', ...row]);
}

function secondsOf({ seconds, failure }: ContenderResult): [string, string] {
  if (seconds.length === 0) return [failure === undefined ? 'not run' : 'failed', ''];
  return [`${formatSeconds(median(seconds))} s`, seconds.map(formatSeconds).join(' ')];
}

function bounds(
  outcome: Outcome | undefined,
  digits: number,
  unit: string,
): [string, string, string] {
  if (outcome === undefined) return ['', '', ''];
  const { limit, goal, verdict } = outcome;
  // Where there is one bound only, meeting it is all that was asked.
  const word = verdict === 'goal' && goal === undefined ? 'ok' : verdict;
  return [
    `≤ ${limit.toFixed(digits)}${unit}`,
    goal === undefined ? '' : `≤ ${goal.toFixed(digits)}${unit}`,
    WORDS[word],
  ];
}

const WORDS = {
  goal: 'ok, goal met',
  ok: 'ok',
  miss: 'miss',
  unknown: 'unknown',
} as const;

/** Latencies are far below the second. */
function formatSeconds(value: number): string {
  return value.toFixed(value < 1 ? 2 : 1);
}

function formatNumber(value: number | undefined, digits: number): string {
  return value === undefined ? '?' : value.toFixed(digits);
}
