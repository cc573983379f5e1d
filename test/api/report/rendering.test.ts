import { expect, test } from 'vitest';
import {
  CONTENT_SECURITY_POLICY,
  escapeHtml,
  renderHtml,
} from '../../../shared/api/report/html.ts';
import { renderMarkdown } from '../../../shared/api/report/markdown.ts';
import { reportDocument } from '../../../shared/api/report/reportDocument.ts';
import type { ReportDocument } from '../../../shared/api/report/document.ts';
import {
  finishedDatabase,
  finishedTable,
  ODD,
  sampleRecord,
  sampleReport,
} from './sampleReport.ts';

const odd: ReportDocument = {
  title: ODD,
  blocks: [
    { kind: 'heading', level: 2, text: [ODD, { code: ODD }] },
    { kind: 'paragraph', text: ODD, tone: 'bad' },
    { kind: 'facts', facts: [['Name', { code: ODD }]] },
    { kind: 'list', items: [ODD, { code: ODD }, { text: ODD, tone: 'warning' }] },
    {
      kind: 'table',
      columns: [{ title: 'A' }, { title: 'B', align: 'right' }],
      rows: [
        [ODD, { code: ODD }],
        [{ text: ODD, tone: 'good' }, [{ code: '`' }, '1']],
      ],
    },
    { kind: 'code', text: `select '\`\`\`';\n${ODD}` },
  ],
};

test('in HTML no name becomes markup', () => {
  const html = renderHtml(odd);
  expect(html).not.toMatch(/<img|<script|onerror=alert\(1\)>/i);
  const allowed =
    /^\/?(?:!doctype html|html lang="en"|html|head|meta [^<>]*|title|style|body|main|h1|h2|h3|p(?: class="verdict \w+")?|dl|div(?: class="table" tabindex="0")?|dt|dd|ul|li|table|thead|tbody|tr|t[hd](?: scope="col")?(?: class="number")?|pre|code|span(?: class="\w+")?)$/;
  const tags = [...html.matchAll(/<([^>]*)>/g)].map(([, tag]) => tag ?? '');
  expect(tags.filter((tag) => !allowed.test(tag))).toEqual([]);
  for (const character of ['\u202e', '\u0007']) expect(html).not.toContain(character);
});

test('HTML is escaped in text and in attributes', () => {
  expect(escapeHtml(`<a href="x" b='y'>&`)).toBe('&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;');
});

test('HTML is one file: no script, nothing that is loaded, and a policy that forbids both', async () => {
  const html = renderHtml(reportDocument(await sampleReport()));
  const tags = [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag).join('\n');
  expect(tags).not.toMatch(/<script|<link|<iframe|<img|\bsrc=|\bhref=|\son\w+\s*=/i);
  const style = /<style>([^]*?)<\/style>/.exec(html)?.[1] ?? '';
  expect(style).toContain('@page');
  expect(style).not.toMatch(/@import|url\(|<|expression/i);
  expect(CONTENT_SECURITY_POLICY).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+';/);
  expect(html).toContain('<meta charset="utf-8">');
  expect(html).toContain('@media print');
  expect(html).toContain('prefers-color-scheme: dark');
});

test('in Markdown each row of a table is one line with as many cells as columns', () => {
  const text = renderMarkdown(odd);
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  expect(rows).toHaveLength(4);
  for (const row of rows) {
    // Pipes that are not escaped; an even number of backslashes escapes nothing.
    const bars = [...row.matchAll(/(?<!\\)(?:\\\\)*\|/g)];
    expect(bars).toHaveLength(3);
  }
  // What is in a block of code is no markup.
  const outside = text.replaceAll(/^(`{3,})sql\n[^]*?\n\1$/gm, '');
  expect(outside.match(/^# /gm)).toHaveLength(1);
  // The same backtick, run for run, ends what it began.
  const prose = outside.replaceAll(/(?<![`\\])(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '');
  expect(prose.replaceAll(/^\*\*|\*\*$/gm, '')).not.toMatch(/(?<!\\)[<>*_`]/);
});

test('a statement stands in Markdown as it is, whatever fences it holds', () => {
  const statement = "comment on table t is '```';\nselect 1;";
  const text = renderMarkdown({ title: 'x', blocks: [{ kind: 'code', text: statement }] });
  expect(text).toContain(`\n\`\`\`\`sql\n${statement}\n\`\`\`\`\n`);
});

test('says what was moved, with units', async () => {
  const text = renderMarkdown(reportDocument(await sampleReport()));
  expect(text).toContain(
    '**Succeeded after 10:00: 2 tables, 1,200 rows and 6.0 MB in 1 database.**',
  );
  for (const part of [
    'PostgreSQL 13.4, TLS prefer',
    'Copy and indexes took: 2:00',
    'Rate: 10 rows/s, 50.0 kB/s',
    'Snapshot: 2026-03-01 00:00:30 UTC at LSN `0/ABC0`',
    'Duration: 2.5 s',
    'Latency when it began: 3 s, 4.1 kB of WAL',
    'Compared all content of 2 tables with the source: all are equal.',
    'There is no role "x".',
  ]) {
    expect(text).toContain(part);
  }
});

test('says of a migration in progress that it is one', async () => {
  const record = sampleRecord({
    endedOn: undefined,
    status: { state: 'InProgress', subState: 'MigratingData' },
  });
  const text = renderMarkdown(reportDocument(await sampleReport({ record })));
  expect(text).toMatch(/\*\*In progress \(MigratingData\): what follows is how far it was on 2026/);
  expect(text).toContain('- Ended: still in progress');
});

test('says which tables failed, why, and how many it does not list', async () => {
  const record = sampleRecord({
    status: { state: 'Failed', subState: 'Completed', error: 'shop: one table failed.' },
  });
  const tables = [
    ...Array.from({ length: 150 }, (_, index) => finishedTable(String(index))),
    finishedTable('bad', { state: 'failed', error: 'public.bad: disk full' }),
  ];
  const row = finishedDatabase(record.ref.id, {
    state: 'Failed',
    tablesTotal: 151,
    completedTables: 150,
    erroredTables: 1,
    verification: {
      mode: 'counts',
      tableCount: 151,
      differences: [{ table: 'public.x', detail: '1 row less' }],
    },
  });
  const report = await sampleReport({ record, databases: [row], tables: () => tables });
  const text = renderMarkdown(reportDocument(report));
  expect(text).toContain('shop: one table failed.');
  expect(text).toContain('public.bad: disk full');
  expect(text).toContain('50 smaller tables are not listed');
  expect(text).toContain('| `public.x` | 1 row less |');
});
