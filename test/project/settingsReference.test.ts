import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  HOST_SETTINGS,
  renderSettingsReference,
  SETTINGS_FILE,
} from '../../scripts/docs/settingsReference.ts';
import { ENVIRONMENT, readSettings } from '../../shared/config/settings.ts';
import { root } from './sources.ts';

test('docs/settings.md is what the schema says (npm run docs writes it)', async () => {
  expect(await readFile(SETTINGS_FILE, 'utf8')).toBe(renderSettingsReference());
});

/** What has no place in the settings of a function app on one machine. */
const NOT_LOCAL = new Set([
  // An empty account beside the connection string would confuse the Functions host.
  'AzureWebJobsStorage__accountName',
  // The replicator's own.
  'PGMOVE_METRICS_PORT',
  'PGMOVE_METRICS_ADDRESS',
  'PGMOVE_LOG_LEVEL',
  'PGMOVE_SHUTDOWN_GRACE_SECONDS',
]);

test('local.settings.sample.json has every setting, and they are valid', async () => {
  const sample = JSON.parse(
    await readFile(path.join(root, 'local.settings.sample.json'), 'utf8'),
  ) as { Values: Record<string, string> };
  const names = Object.keys(sample.Values);
  const missing = Object.keys(ENVIRONMENT).filter(
    (name) => !NOT_LOCAL.has(name) && !names.includes(name),
  );
  expect(missing).toEqual([]);
  expect(names.filter((name) => !(name in ENVIRONMENT) && !(name in HOST_SETTINGS))).toEqual([]);
  expect(readSettings(sample.Values)).toMatchObject({
    storage: { kind: 'connectionString' },
    secrets: { kind: 'file' },
  });
});
