import { expect, test } from 'vitest';
import { countOf, formatBytes, formatShort, percentOf } from '../../../web/formats/quantities.ts';
import {
  databaseStateLabel,
  migrationStateLabel,
  migrationStatusLabel,
  sourceTypeText,
  subStateText,
  tableStateLabel,
} from '../../../web/formats/states.ts';
import { elapsedMs, formatDuration, formatLatency } from '../../../web/formats/times.ts';
import {
  DATABASE_STATES,
  MIGRATION_STATES,
  MIGRATION_SUB_STATES,
  SOURCE_TYPES,
  TABLE_STATES,
} from '../../../shared/api/vocabulary.ts';

test('the latency of the API is seconds and is shown as minutes and seconds', () => {
  expect([0, 59, 60, 61.4, 7_384].map(formatLatency)).toEqual([
    '0 min 0 s',
    '0 min 59 s',
    '1 min 0 s',
    '1 min 1 s',
    '123 min 4 s',
  ]);
});

test('durations have the two units that matter', () => {
  const second = 1000;
  expect(
    [400, 12 * second, 185 * second, 7_440 * second, 263_000 * second].map(formatDuration),
  ).toEqual(['0.4 s', '12 s', '3 min 5 s', '2 h 4 min', '3 d 1 h']);
  expect(elapsedMs('2026-01-01T00:00:00Z', undefined, Date.parse('2026-01-01T00:01:00Z'))).toBe(
    60_000,
  );
  // A clock that is behind the service's makes no negative duration.
  expect(elapsedMs('2026-01-01T00:00:00Z', undefined, 0)).toBe(0);
});

test('sizes and counts are short', () => {
  expect([0, 1023, 1024, 1_610_612_736, 200 * 1024 ** 2].map(formatBytes)).toEqual([
    '0 B',
    '1,023 B',
    '1 KB',
    '1.5 GB',
    '200 MB',
  ]);
  expect([999.94, 12_345, 2_500_000].map(formatShort)).toEqual(['999.9', '12.3k', '2.5M']);
  expect([countOf(1, 'table'), countOf(1_000, 'table')]).toEqual(['1 table', '1,000 tables']);
});

test('what is not finished never shows as 100 %', () => {
  expect([percentOf(9_999, 10_000), percentOf(10_000, 10_000), percentOf(0, 0)]).toEqual([
    99, 100, 0,
  ]);
});

test('every state of the API has words of its own', () => {
  for (const state of MIGRATION_STATES) {
    expect(migrationStateLabel(state).text).toMatch(/^[A-Z][a-z ]+$/);
  }
  for (const state of MIGRATION_SUB_STATES) expect(subStateText(state)).toMatch(/^[A-Z][a-z- ]+$/);
  for (const state of DATABASE_STATES) {
    expect(databaseStateLabel(state).text).toMatch(/^[A-Z][a-z ]+$/);
  }
  for (const state of TABLE_STATES) expect(tableStateLabel(state).text).toMatch(/^[A-Z]/);
  for (const type of SOURCE_TYPES) expect(sourceTypeText(type)).not.toContain('_');
});

test('the grid shows the step of what runs and the state of what has ended', () => {
  expect(migrationStatusLabel('WaitingForUserAction', 'WaitingForCutoverTrigger')).toEqual({
    text: 'Waiting for cutover',
    tone: 'wait',
  });
  expect(migrationStatusLabel('Failed', 'Completed')).toEqual({ text: 'Failed', tone: 'bad' });
  expect(migrationStatusLabel('SomethingNew', 'Completed').text).toBe('SomethingNew');
});
