import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startFakeService } from './fakeService.ts';
import { resourceWith } from './resources.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

const STREAM = { stage: 'caughtUp', lagBytes: 0 };
const AT_CUTOVER = resourceWith(
  'WaitingForUserAction',
  { shop: { migrationState: 'WaitingForCutoverTrigger', tablesTotal: 1, stream: STREAM } },
  { subState: 'WaitingForCutoverTrigger' },
);
const CUTTING_OVER = resourceWith(
  'InProgress',
  { shop: { migrationState: 'InProgress', migrationOperation: 'Cutting over', tablesTotal: 1 } },
  { subState: 'MigratingData' },
);
const DONE = resourceWith('Succeeded', {
  shop: { migrationState: 'Succeeded', cutover: { durationMs: 800 } },
});

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-cli-test-'));
  [source, target] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
  await source.createDatabase('shop');
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function pgmove(
  args: readonly string[],
  onStderr?: (text: string, pid: number) => void,
): Promise<Run> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run: Run = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (run.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
    onStderr?.(text, child.pid ?? 0);
  });
  run.code = await new Promise((resolve) => child.once('close', resolve));
  return run;
}

function online(url: string, ...more: string[]): string[] {
  const servers = ['--source', source.uri('shop'), '--target', target.uri('shop')];
  return ['migrate', ...servers, '--online', '--name', 'mine', '--url', url, ...more];
}

test('options of an online migration are refused without --online', async () => {
  const args = online('http://127.0.0.1:1').filter((word) => word !== '--online');
  for (const option of ['--cutover=auto', '--fence-source', '--replica-identity-full']) {
    const run = await pgmove([...args, option]);
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('--online')]);
  }
});

test('--online asks for an online migration and cuts over by itself when all has caught up', async () => {
  await using service = await startFakeService({
    resources: [CUTTING_OVER, AT_CUTOVER],
    afterPatch: [CUTTING_OVER, DONE],
  });
  const run = await pgmove(online(service.url, '--fence-source', '--replica-identity-full'));
  expect([run.code, run.stdout]).toEqual([0, expect.stringMatching(/cutover[^]*800 ms/)]);
  expect(service.requests[0]?.body).toMatchObject({
    properties: { migrationMode: 'Online', fenceSource: 'True', setReplicaIdentityFull: 'True' },
  });
  expect(
    service.requests.filter(({ method }) => method === 'PATCH').map((one) => one.body),
  ).toEqual([{ properties: { triggerCutover: 'True' } }]);
});

test('--cutover manual says how to cut over, and goes on when somebody did', async () => {
  await using service = await startFakeService({
    resources: [AT_CUTOVER, AT_CUTOVER, AT_CUTOVER, CUTTING_OVER, DONE],
  });
  const run = await pgmove(online(service.url, '--cutover', 'manual'));
  expect([run.code, run.stderr.match(/pgmove migration update/g)?.length]).toEqual([0, 1]);
  expect(run.stderr).toContain(
    `pgmove migration update --url ${service.url} --server-name 127-0-0-1-${target.port} --name mine --cutover`,
  );
  expect(service.requests.some(({ method }) => method === 'PATCH')).toBe(false);
});

test('Ctrl-C while a cutover is waited for asks to cancel', async () => {
  await using service = await startFakeService({
    resources: [AT_CUTOVER],
    afterPatch: resourceWith('Canceled'),
  });
  const run = await pgmove(online(service.url, '--cutover=manual'), (text, pid) => {
    if (text.includes('migration update')) process.kill(pid, 'SIGINT');
  });
  expect(run.code).toBe(4);
  expect(service.requests.find(({ method }) => method === 'PATCH')?.body).toEqual({
    properties: { cancel: 'True' },
  });
});

function watch(url: string, ...more: string[]): string[] {
  return ['migration', 'watch', '-s', 'server', '-n', 'mine', '--url', url, ...more];
}

test('watch ends with 5 when the migration waits, and not when the answer was just given', async () => {
  await using service = await startFakeService({ resources: [CUTTING_OVER, AT_CUTOVER] });
  const waits = await pgmove(watch(service.url));
  expect([waits.code, waits.stdout]).toEqual([
    5,
    expect.stringContaining('WaitingForCutoverTrigger'),
  ]);
  const asked = structuredClone(AT_CUTOVER);
  asked.properties.triggerCutover = 'True';
  await using other = await startFakeService({ resources: [asked, asked, CUTTING_OVER, DONE] });
  expect((await pgmove(watch(other.url))).code).toBe(0);
  expect(other.requests.every(({ method }) => method === 'GET')).toBe(true);
});

test('watch --json writes a line for each change', async () => {
  await using service = await startFakeService({
    resources: [CUTTING_OVER, CUTTING_OVER, CUTTING_OVER, resourceWith('Failed')],
  });
  const run = await pgmove(watch(service.url, '--json'));
  expect(run.code).toBe(1);
  const lines = run.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { name: 'moving', currentStatus: { state: 'InProgress' } },
    { currentStatus: { state: 'Failed' } },
  ]);
});
