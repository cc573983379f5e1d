import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { renderTelemetryReference, TELEMETRY_FILE } from '../../scripts/docs/telemetryReference.ts';
import { METRICS } from '../../shared/telemetry/metricNames.ts';

test('docs/telemetry.md has every metric (npm run docs writes it)', async () => {
  expect(await readFile(TELEMETRY_FILE, 'utf8')).toBe(renderTelemetryReference());
});

test('names are told apart', () => {
  const names = Object.values(METRICS).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
