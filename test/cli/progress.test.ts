import { expect, test } from 'vitest';
import { createProgressReader } from '../../cli/migrate/progress.ts';
import { createPlainView, progressLines } from '../../cli/migrate/progressView.ts';
import { createRate } from '../../cli/migrate/rate.ts';
import { exitCodeOf, hasEnded, renderSummary } from '../../cli/migrate/summary.ts';
import { resourceWith } from './resources.ts';

const COPYING = {
  migrationState: 'InProgress',
  migrationOperation: 'Copying tables',
  fullLoadCompletedTables: 3,
  fullLoadLoadingTables: 2,
  tablesTotal: 10,
  rowsCopied: 1_000,
  bytesCopied: 1_000_000,
  bytesTotal: 11_000_000,
};

test('a rate covers the last seconds only', () => {
  const rate = createRate(5_000);
  rate.add(0, 0);
  expect(rate.perSecond()).toBe(0);
  rate.add(1_000, 100);
  expect(rate.perSecond()).toBe(100);
  rate.add(20_000, 100);
  rate.add(21_000, 600);
  expect(rate.perSecond()).toBe(25);
  rate.add(26_000, 600);
  expect(rate.perSecond()).toBe(0);
});

test('rates and the time left come from successive answers', () => {
  const reader = createProgressReader(0);
  reader.read(
    resourceWith('InProgress', { shop: COPYING }, { subState: 'MigratingData' }),
    new Map(),
    1_000,
  );
  const later = { ...COPYING, rowsCopied: 3_000, bytesCopied: 3_000_000 };
  const progress = reader.read(
    resourceWith('InProgress', { shop: later }, { subState: 'MigratingData' }),
    new Map([
      [
        'shop',
        [
          {
            schema: 'public',
            table: 'orders',
            state: 'copying',
            rows: 7,
            bytes: 9_000,
            bytesTotal: 10_000,
          },
        ],
      ],
    ]),
    2_000,
  );
  expect(progressLines(progress, { isColored: false })).toEqual([
    'moving  MigratingData  2.0 s',
    '  shop      █████░░░░░░░░░░░░░░░  27 %  3/10 tables  3,000 rows  3.0 MB  2,000 rows/s  2.0 MB/s  4.0 s left  Copying tables',
    '    public.orders                            copying   7 rows  9.0 kB of 10.0 kB',
  ]);
});

test('estimates that were too small never show a full bar before the end', () => {
  const reader = createProgressReader(0);
  const more = { ...COPYING, bytesCopied: 50_000_000 };
  const [, line] = progressLines(
    reader.read(resourceWith('InProgress', { shop: more }), new Map(), 1),
    { isColored: false },
  );
  expect(line).toContain(' 99 %');
});

test('without a terminal a line comes only when something changed, or every five seconds', () => {
  const lines: string[] = [];
  const view = createPlainView((line) => lines.push(line));
  const reader = createProgressReader(0);
  const at = (nowMs: number, state = 'InProgress', operation = 'Copying tables'): void =>
    view.update(
      reader.read(
        resourceWith(
          state,
          { shop: { ...COPYING, migrationOperation: operation } },
          { subState: 'MigratingData' },
        ),
        new Map(),
        nowMs,
      ),
    );
  at(1_000);
  at(1_250);
  at(1_500);
  expect(lines.length).toBe(2);
  at(6_100);
  expect(lines.length).toBe(3);
  at(6_200, 'InProgress', 'Building indexes');
  expect(lines.at(-1)).toContain('Building indexes');
});

const REPLICATING = {
  ...COPYING,
  migrationOperation: 'Replicating changes',
  fullLoadCompletedTables: 10,
  fullLoadLoadingTables: 0,
  latency: 0,
  appliedChanges: 1_000,
  stream: { lagBytes: 2_000_000, warnings: [] },
};

test('behind the copy, latency, lag and the rate of changes are shown', () => {
  const reader = createProgressReader(0);
  const lineAt = (nowMs: number, detail: object): string =>
    progressLines(
      reader.read(
        resourceWith('InProgress', { shop: detail }, { subState: 'MigratingData' }),
        new Map(),
        nowMs,
      ),
      { isColored: false },
    )[1]?.trim() ?? '';
  expect(lineAt(500, { ...COPYING, stream: { lagBytes: 5_000 } })).toMatch(
    / 9 %.*lag 5\.0 kB {2}Copying tables$/,
  );
  lineAt(1_000, REPLICATING);
  const later = { ...REPLICATING, appliedChanges: 4_000 };
  expect(lineAt(2_500, later)).toBe(
    'shop      10 tables  latency below 1 s  lag 2.0 MB  2,000 changes/s  4,000 changes applied  Replicating changes',
  );
  const waiting = { ...later, latency: 3, migrationState: 'WaitingForCutoverTrigger' };
  expect(lineAt(60_000, waiting)).toContain('WaitingForCutoverTrigger  10 tables  latency 3.0 s');
});

test('a warning of the stream is said once without a terminal', () => {
  const lines: string[] = [];
  const view = createPlainView((line) => lines.push(line));
  const reader = createProgressReader(0);
  const warned = {
    ...REPLICATING,
    stream: { ...REPLICATING.stream, warnings: ['The slot grows.'] },
  };
  for (const nowMs of [1_000, 2_000]) {
    view.update(reader.read(resourceWith('InProgress', { shop: warned }), new Map(), nowMs));
  }
  expect(lines.filter((line) => line.includes('The slot grows.'))).toEqual([
    '[1.0 s] shop: The slot grows.',
  ]);
});

test('the summary of an online migration says how long the cutover took', () => {
  const text = renderSummary(
    resourceWith('Succeeded', {
      shop: {
        ...REPLICATING,
        migrationState: 'Succeeded',
        stream: { unplannedTables: ['public.late'] },
        cutover: { durationMs: 1_234, fenced: true, fence: { acl: '{=T/a}', readOnly: null } },
      },
      plain: { migrationState: 'Succeeded' },
    }),
    { isColored: false, elapsedMs: 13_000 },
  );
  expect(text).toMatch(/duration {2}cutover/);
  expect(text).toMatch(/shop .* 1\.2 s /);
  expect(text).toContain(
    "pgmove source unfence --source postgresql://HOST:PORT/shop --acl '{=T/a}'\n",
  );
  expect(text).toContain('shop: made on the source after the start, not migrated\n  public.late');
});

test('each end has its exit code', () => {
  const codes = ['Succeeded', 'Failed', 'ValidationFailed', 'Canceled'].map((state) =>
    exitCodeOf(resourceWith(state)),
  );
  expect(codes).toEqual([0, 1, 3, 4]);
  expect(hasEnded(resourceWith('WaitingForUserAction'))).toBe(false);
});

test('the summary shows what was moved, what was not, and what differs', () => {
  const text = renderSummary(
    resourceWith(
      'Failed',
      {
        shop: {
          migrationState: 'Failed',
          fullLoadCompletedTables: 9,
          fullLoadErroredTables: 1,
          tablesTotal: 10,
          rowsCopied: 12_345,
          bytesCopied: 5_000_000,
          startedOn: '2025-01-01T00:00:00Z',
          endedOn: '2025-01-01T00:00:12.300Z',
          message: 'Table public.a could not be copied: disk full.',
          notCarried: [
            { object: 'table public.orders', reason: 'owner: no role "bob" on the target' },
          ],
          verification: {
            mode: 'hash',
            tableCount: 10,
            differences: [{ table: 'public.b', detail: '1 row' }],
          },
        },
      },
      { error: 'shop: Table public.a could not be copied: disk full.' },
    ),
    { isColored: false, elapsedMs: 13_000 },
  );
  expect(text).toContain(
    'shop      Failed  9/10 (1 failed)  12,345  5.0 MB    12.3 s            1  hash: 1 tables differ',
  );
  expect(text).toContain('  table public.orders: owner: no role "bob" on the target');
  expect(text).toContain('  public.b: 1 row');
  expect(text).toContain('moving: Failed after 13.0 s');
});
