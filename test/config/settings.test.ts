import path from 'node:path';
import { expect, test } from 'vitest';
import { ENVIRONMENT, readSettings } from '../../shared/config/settings.ts';

test('one variable is enough on one machine', () => {
  expect(
    readSettings({ AzureWebJobsStorage: 'UseDevelopmentStorage=true', PG_BIN_DIR: '' }),
  ).toEqual({
    storage: { kind: 'connectionString', connectionString: 'UseDevelopmentStorage=true' },
    secrets: { kind: 'file', folder: path.resolve('.pgmove/secrets') },
    allowedHosts: [],
    auth: 'key',
    publicHosts: [],
    webhooks: { urls: [], secrets: [], origin: 'pgmove' },
    latencyWarningSeconds: 300,
    slotWarningBytes: 10 * 1024 ** 3,
    jobs: 4,
    retentionDays: 30,
    decodingWorkMemMegabytes: 256,
    failedRetentionHours: 24,
    failedSlotMaxBytes: 10 * 1024 ** 3,
    cutoverTimeoutHours: 72,
    onlineTimeoutDays: 7,
    slotWaitMinutes: 10,
    shutdownGraceSeconds: 570,
    tablePrefix: '',
    telemetry: {},
  });
});

test('everything that is wrong is told at once, by name and without the values', () => {
  const read = () =>
    readSettings({
      PGMOVE_JOBS: '0',
      PGMOVE_RETENTION_DAYS: 'soon',
      EVENT_GRID_TOPIC_ENDPOINT: 'ftp://secretvalue',
      PGMOVE_SECRETS: 'vault',
      PGMOVE_TABLE_PREFIX: '1x',
    });
  expect(read).toThrow(
    /PGMOVE_SECRETS.*EVENT_GRID_TOPIC_ENDPOINT.*PGMOVE_JOBS.*PGMOVE_RETENTION_DAYS.*PGMOVE_TABLE_PREFIX.*AzureWebJobsStorage/,
  );
  expect(read).not.toThrow(/secretvalue/);
});

test('Azure needs a Key Vault', () => {
  const env = { AzureWebJobsStorage__accountName: 'account1', WEBSITE_INSTANCE_ID: 'x' };
  expect(() => readSettings(env)).toThrow(/PGMOVE_SECRETS is needed/);
  const settings = readSettings({ ...env, PGMOVE_SECRETS: 'https://v.vault.azure.net' });
  expect(settings.secrets).toEqual({ kind: 'keyVault', url: 'https://v.vault.azure.net' });
  expect(settings.storage).toEqual({ kind: 'identity', accountName: 'account1' });
});

test('every variable has a description', () => {
  for (const schema of Object.values(ENVIRONMENT)) expect(schema.description).toBeTruthy();
});

test('webhooks are URLs without a login, and need a secret to be signed with', () => {
  const read = (env: NodeJS.ProcessEnv) =>
    readSettings({ AzureWebJobsStorage: 'UseDevelopmentStorage=true', ...env }).webhooks;
  const secret = 'a-secret-of-24-characters';
  expect(
    read({
      PGMOVE_WEBHOOKS: 'https://a.example/x, http://10.0.0.1/y,https://a.example/x',
      PGMOVE_WEBHOOK_SECRET: `${secret},${secret}2`,
      WEBSITE_HOSTNAME: 'app.example',
    }),
  ).toEqual({
    urls: ['https://a.example/x', 'http://10.0.0.1/y'],
    secrets: [secret, `${secret}2`],
    origin: 'app.example',
  });
  expect(() => read({ PGMOVE_WEBHOOKS: 'https://a.example' })).toThrow(/PGMOVE_WEBHOOK_SECRET/);
  for (const url of ['ftp://a.example', 'a.example', 'https://user:hunter2@a.example']) {
    const env = { PGMOVE_WEBHOOKS: url, PGMOVE_WEBHOOK_SECRET: secret };
    expect(() => read(env)).toThrow(/PGMOVE_WEBHOOKS has something/);
    expect(() => read(env)).not.toThrow(/hunter2/);
  }
});

test('the names by which browsers come: those that are set, and the one that Azure gave', () => {
  const hosts = (env: NodeJS.ProcessEnv) =>
    readSettings({ AzureWebJobsStorage: 'UseDevelopmentStorage=true', ...env }).publicHosts;
  expect(hosts({ PGMOVE_PUBLIC_HOSTS: 'a.example, b.example:8443' })).toEqual([
    'a.example',
    'b.example:8443',
  ]);
  expect(hosts({ WEBSITE_HOSTNAME: 'move.azurewebsites.net' })).toEqual(['move.azurewebsites.net']);
  const containerApp = { CONTAINER_APP_NAME: 'move', CONTAINER_APP_ENV_DNS_SUFFIX: 'x.example' };
  expect(hosts({ ...containerApp, WEBSITE_HOSTNAME: 'other' })).toEqual(['move.x.example']);
});
