import { afterAll, beforeAll, expect, test } from 'vitest';
import { validationReportSchema } from '../../shared/api/validationReport.ts';
import { ruleRunPath } from '../../shared/contracts/blobPaths.ts';
import type { ValidationDetails } from '../../shared/contracts/records.ts';
import { call, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { createIn } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const VALIDATION: ValidationDetails = {
  status: 'Failed',
  validationStartTimeInUtc: '2026-03-01T00:00:00.000Z',
  validationEndTimeInUtc: '2026-03-01T00:00:02.500Z',
  serverLevelValidationDetails: [
    {
      type: 'ServerParametersValidation',
      state: 'Warning',
      messages: [{ state: 'Warning', message: 'wal_sender_timeout is 60s' }],
    },
  ],
  dbLevelValidationDetails: [
    {
      databaseName: 'shop',
      startedOn: '2026-03-01T00:00:01.000Z',
      endedOn: '2026-03-01T00:00:02.000Z',
      summary: [
        { type: 'ExtensionsValidation', state: 'Succeeded' },
        {
          type: 'SchemaValidation',
          state: 'Failed',
          messages: [
            { state: 'Warning', message: 'unlogged: t' },
            {
              state: 'Failed',
              message:
                'tables-readable (603110): not readable: u. On the source: grant select on u to me;',
            },
          ],
        },
      ],
    },
  ],
};

test('the report has what failed first, with the databases and the times', async () => {
  const { record, url } = await createIn(api, { dbsToMigrate: ['shop'] });
  const empty = await call(`${url}/validation`, 'GET');
  expect(empty.body).toMatchObject({ findings: [], databases: [{ databaseName: 'shop' }] });
  expect(empty.body).not.toHaveProperty('status');

  await api.stores.migrations.update(record.ref, (row) => ({
    record: { ...row, validation: VALIDATION, sourceMetadata: { version: '15.4' } },
  }));
  const run = { type: 'SchemaValidation', state: 'Failed', startedOn: '2026-03-01T00:00:01.000Z' };
  const { blobs } = api.stores;
  await blobs.putJson(ruleRunPath(record.ref.id), [
    { ...run, ruleId: 'target-tier', state: 'NotChecked', durationMs: 0, notChecked: ['No.'] },
  ]);
  await blobs.putJson(ruleRunPath(record.ref.id, 'shop'), [
    { ...run, ruleId: 'tables-readable', durationMs: 250 },
  ]);
  const { status, body } = await call(`${url}/validation`, 'GET');
  expect(status).toBe(200);
  const report = validationReportSchema.parse(body);
  expect(report).toMatchObject({
    status: 'Failed',
    durationMs: 2500,
    source: { version: '15.4' },
    databases: [
      { databaseName: 'shop', status: 'Failed', durationMs: 1000, failed: 1, warnings: 1 },
    ],
    validationDetails: VALIDATION,
    notChecked: [{ ruleId: 'target-tier', reason: 'No.' }],
    rules: [
      { ruleId: 'target-tier', state: 'NotChecked', durationMs: 0 },
      {
        ruleId: 'tables-readable',
        databaseName: 'shop',
        state: 'Failed',
        endedOn: '2026-03-01T00:00:01.250Z',
        durationMs: 250,
      },
    ],
  });
  expect(report.findings.map((item) => [item.state, item.databaseName, item.message])).toEqual([
    ['Failed', 'shop', 'not readable: u.'],
    ['Warning', undefined, 'wal_sender_timeout is 60s'],
    ['Warning', 'shop', 'unlogged: t'],
  ]);
  expect(report.findings[0]).toMatchObject({
    ruleId: 'tables-readable',
    code: '603110',
    remedy: '-- On the source:\ngrant select on u to me;',
  });
  expect(JSON.stringify(body)).not.toContain('assword');
});

test('a migration that validates nothing has no report', async () => {
  const { url } = await createIn(api, { migrationOption: 'Migrate' });
  expect((await call(`${url}/validation`, 'GET')).status).toBe(404);
});
