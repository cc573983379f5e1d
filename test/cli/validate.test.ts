import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderMarkdown } from '../../cli/validate/markdown.ts';
import { renderReport } from '../../cli/validate/report.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ValidationReport } from '../../shared/api/validationReport.ts';
import { startFakeService } from './fakeService.ts';
import { resourceWith } from './resources.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

let cluster: ThrowawayCluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-cli-validate-'));
  cluster = await startThrowawayCluster();
  await cluster.createDatabase('shop');
});

afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const FAILED: ValidationReport = {
  migrationId: 'id',
  migrationName: 'checking',
  migrationMode: 'Offline',
  status: 'Failed',
  error: '',
  startedOn: '2026-03-01T00:00:00.000Z',
  endedOn: '2026-03-01T00:00:02.000Z',
  durationMs: 2000,
  source: { host: 'old', port: 5432, user: 'me', version: '12.4' },
  target: { host: 'new', port: 5432, user: 'me', version: '17.1' },
  databases: [
    {
      databaseName: 'shop',
      targetDatabaseName: 'store',
      status: 'Failed',
      failed: 1,
      warnings: 0,
      estimate: {
        tableCount: 1,
        tableBytes: 1_000_000,
        indexBytes: 0,
        largestTables: [{ name: 'public.t', bytes: 1_000_000 }],
        bytesPerSecond: 1_000,
        seconds: 1_000,
      },
    },
  ],
  findings: [
    {
      state: 'Failed',
      databaseName: 'shop',
      type: 'SchemaValidation',
      ruleId: 'tables-readable',
      message: 'Tables cannot be read: public.`odd` | name.',
      remedy: 'grant select on all tables in schema public to me;',
    },
    { state: 'Warning', type: 'ServerParametersValidation', message: 'a *slow* server' },
  ],
  notChecked: [
    { ruleId: 'target-tier', reason: 'Nobody told.' },
    { ruleId: 'target-region', reason: 'Nobody told.' },
  ],
  rules: [
    {
      ruleId: 'tables-readable',
      databaseName: 'shop',
      type: 'SchemaValidation',
      state: 'Failed',
      startedOn: '2026-03-01T00:00:00.000Z',
      endedOn: '2026-03-01T00:00:01.500Z',
      durationMs: 1500,
    },
  ],
};

async function validate(...more: string[]) {
  const sides = ['--source', cluster.uri('shop'), '--target', cluster.uri('other')];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', MAIN, 'validate', ...sides, ...more],
    { cwd: folder, env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const run = { code: null as number | null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (run.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (run.stderr += text));
  run.code = await new Promise((resolve) => child.once('close', resolve));
  return run;
}

test('what failed is printed, written to the file, and ends with 3', async () => {
  const resources = [resourceWith('ValidationFailed')];
  await using service = await startFakeService({ resources, validation: FAILED });
  const run = await validate(
    '--url',
    service.url,
    '--report',
    'found.md',
    '--online',
    '--target-storage-mb',
    '9000',
  );
  expect([run.code, run.stdout]).toEqual([3, expect.stringContaining('tables-readable')]);
  expect(run.stdout).toContain('grant select on all tables');
  expect(run.stdout).toContain('A migration would be refused: 1 failure, 1 warning.');
  expect(run.stdout).toContain('Not checked: target-tier, target-region. Nobody told.');
  expect(run.stdout).toContain('Slowest rules: tables-readable (shop)');
  expect(await readFile(path.join(folder, 'found.md'), 'utf8')).toContain('# Validation checking');
  const put = service.requests.find(({ method }) => method === 'PUT');
  expect(put?.body).toMatchObject({
    properties: {
      migrationOption: 'Validate',
      migrationMode: 'Online',
      dbsToMigrate: ['shop'],
      targetStorageMb: 9000,
    },
  });
});

test('warnings end with 0; JSON is the report and nothing else', async () => {
  const resources = [resourceWith('Succeeded')];
  const warned = { ...FAILED, status: 'Warning', findings: FAILED.findings.slice(1) };
  await using service = await startFakeService({ resources, validation: warned });
  const run = await validate('--url', service.url, '--output', 'json');
  expect(run.code).toBe(0);
  expect(JSON.parse(run.stdout)).toEqual(warned);
});

test('a report that cannot be written is said before anything is done', async () => {
  const run = await validate('--url', 'http://127.0.0.1:1', '--report', 'no/such/folder.md');
  expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('cannot be written')]);
});

test('names are no markup in Markdown, and a remedy is there as it is', () => {
  const text = renderMarkdown(FAILED);
  expect(text).toContain('public.\\`odd\\` \\| name');
  expect(text).toContain('a \\*slow\\* server');
  expect(text).toContain('```sql\ngrant select on all tables in schema public to me;\n```');
  expect(text).toMatch(/\| shop \| store \| Failed \| 1 \| 0 \|.*about 16/);
  expect(text).toContain('`shop: public.t`');
  expect(text).toContain('- Not checked: target-tier, target-region. Nobody told.');
  expect(text).toContain(
    '| shop | tables-readable | Failed | 2026-03-01T00:00:00.000Z | 1500 ms |',
  );
});

test('a validation without an end says so', () => {
  const report = { ...FAILED, status: undefined, findings: [], error: 'The source is away.' };
  const text = renderReport(report, { isColored: false });
  expect(text).toContain('The source is away.');
  expect(text).toContain('did not come to its end');
});
