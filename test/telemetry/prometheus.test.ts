import { expect, test } from 'vitest';
import { attributesOf } from '../../shared/telemetry/fields.ts';
import { renderPrometheus } from '../../shared/telemetry/prometheus.ts';
import { createRegistry } from '../../shared/telemetry/registry.ts';

test('nothing counted is nothing said', () => {
  expect(renderPrometheus(createRegistry())).toBe('');
});

test('names, units and labels are as Prometheus wants them', () => {
  const registry = createRegistry();
  const attributes = attributesOf({ migrationId: 'm', database: 'a"b\\c\nd' });
  registry.add('bytesCopied', 5, attributes);
  registry.add('bytesCopied', 7, attributes);
  const end = registry.observe('lagTime', () => [{ value: 1.5, attributes: {} }]);
  const text = renderPrometheus(registry);
  expect(text).toContain('# TYPE pgmove_copy_size_bytes_total counter\n');
  expect(text).toContain(
    'pgmove_copy_size_bytes_total{pgmove_migration_id="m",pgmove_database="a\\"b\\\\c\\nd"} 12\n',
  );
  expect(text).toContain('# TYPE pgmove_stream_lag_time_seconds gauge\n');
  expect(text).toContain('\npgmove_stream_lag_time_seconds 1.5\n');
  expect(text.endsWith('\n')).toBe(true);
  end();
  expect(renderPrometheus(registry)).not.toContain('lag_time');
});

test('the buckets of a histogram hold what is not longer', () => {
  const registry = createRegistry();
  for (const seconds of [0.01, 0.3, 0.4, 100_000]) {
    registry.record('stepDuration', seconds, attributesOf({ step: 'copyBatch' }));
  }
  const lines = renderPrometheus(registry).split('\n');
  const value = (part: string) =>
    lines
      .find((line) => line.includes(part))
      ?.split(' ')
      .at(-1);
  expect(value('le="0.01"')).toBe('1');
  expect(value('le="0.1"')).toBe('1');
  expect(value('le="0.5"')).toBe('3');
  expect(value('le="7200"')).toBe('3');
  expect(value('le="+Inf"')).toBe('4');
  expect(value('_count')).toBe('4');
  expect(value('_sum')).toBe('100000.71');
});

test('the series that was idle for longest goes when there are too many', () => {
  const registry = createRegistry();
  const count = (migrationId: string) =>
    registry.add('rowsCopied', 1, attributesOf({ migrationId, database: 'd' }));
  count('first');
  for (let index = 0; index < 999; index += 1) count(String(index));
  count('first');
  count('one more');
  const ids = registry
    .read('rowsCopied')
    .map(({ attributes }) => attributes['pgmove.migration.id']);
  expect(ids).toHaveLength(1_000);
  expect(ids).toContain('first');
  expect(ids).not.toContain('0');
});
