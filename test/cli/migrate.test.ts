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

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

let cluster: ThrowawayCluster;
let other: ThrowawayCluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-cli-test-'));
  [cluster, other] = await Promise.all([
    startThrowawayCluster({ hbaLines: ['host all locked 127.0.0.1/32 scram-sha-256'] }),
    startThrowawayCluster(),
  ]);
  await cluster.createDatabase('shop');
  await cluster.run('create table t (id int)', 'shop');
  await cluster.run("create role locked login password 'right'");
  await other.createDatabase('full');
  await other.run('create table already_here (id int)', 'full');
  await other.createDatabase('empty');
});

afterAll(async () => {
  await Promise.all([cluster?.stop(), other?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

/** Runs the command line from its sources, in a folder where no stack runs. */
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

function migrate(target: string, ...more: string[]): string[] {
  return ['migrate', '--source', cluster.uri('shop'), '--target', target, ...more];
}

test('wrong arguments end with 2', async () => {
  expect((await pgmove(['migrate'])).code).toBe(2);
  expect((await pgmove(migrate(other.uri('new'), '--verify', 'maybe'))).code).toBe(2);
  expect((await pgmove(migrate(other.uri('new'), '--jobs', '0'))).code).toBe(2);
  expect((await pgmove(['nothing'])).code).toBe(2);
});

test('both sides that cannot be reached are named at once', async () => {
  const run = await pgmove([
    'migrate',
    '--source',
    'postgresql://a@127.0.0.1:1/x',
    '--target',
    'postgresql://b@127.0.0.1:2/x',
  ]);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/The source cannot be used\..*127\.0\.0\.1:1/);
  expect(run.stderr).toMatch(/The target cannot be used\..*127\.0\.0\.1:2/);
});

test('a wrong password ends with 2 and is not repeated', async () => {
  const run = await pgmove([
    'migrate',
    '--source',
    cluster.uri('shop', 'locked', 'hunter2'),
    '--target',
    other.uri('new'),
  ]);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/password authentication failed/);
  expect(run.stderr).not.toMatch(/hunter2/);
});

test('a missing source database, TLS that is not there, and the same database are refused', async () => {
  const missing = await pgmove(
    migrate(other.uri('new'), '--database', 'nowhere', '--database', 'shop'),
  );
  expect([missing.code, missing.stderr]).toEqual([
    2,
    expect.stringContaining('has no database "nowhere"'),
  ]);
  const plain = await pgmove(
    migrate(other.uri('new').replace('sslmode=disable', 'sslmode=require')),
  );
  expect([plain.code, plain.stderr]).toEqual([2, expect.stringMatching(/target.*SSL/)]);
  const same = await pgmove(migrate(cluster.uri('shop').replace('127.0.0.1', 'localhost')));
  expect([same.code, same.stderr]).toEqual([2, expect.stringContaining('the same server')]);
});

test('a target database that holds objects ends with 2 before anything starts', async () => {
  await using service = await startFakeService({ resources: [resourceWith('Succeeded')] });
  const run = await pgmove(migrate(other.uri('full'), '--url', service.url));
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/"full" \(.*already_here/);
  expect(service.requests).toEqual([]);
});

test('each end of a migration has its exit code, and --json prints the resource alone', async () => {
  for (const [state, code] of [
    ['Succeeded', 0],
    ['Failed', 1],
    ['ValidationFailed', 3],
    ['Canceled', 4],
  ] as const) {
    const end = resourceWith(state, { shop: { migrationState: 'Succeeded' } });
    await using service = await startFakeService({
      resources: [resourceWith('InProgress', {}, { subState: 'MigratingData' }), end],
    });
    const run = await pgmove(migrate(other.uri('empty'), '--url', service.url, '--json'));
    expect([state, run.code]).toEqual([state, code]);
    expect(JSON.parse(run.stdout)).toEqual(end);
  }
});

test('the request renames the database and names both servers', async () => {
  await using service = await startFakeService({ resources: [resourceWith('Succeeded')] });
  const run = await pgmove(migrate(other.uri('store'), '--url', service.url, '--name', 'mine'));
  expect(run.code).toBe(0);
  expect(run.stdout).toContain('Succeeded');
  const [put] = service.requests;
  expect(put?.path).toBe(
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/' +
      `Microsoft.DBforPostgreSQL/flexibleServers/127-0-0-1-${other.port}/migrations/mine`,
  );
  expect(put?.body).toMatchObject({
    properties: { dbsToMigrate: ['shop'], targetDbNames: { shop: 'store' } },
  });
});

test('--all-databases takes those that hold objects', async () => {
  await using service = await startFakeService({ resources: [resourceWith('Succeeded')] });
  await pgmove([
    'migrate',
    '--source',
    other.uri('postgres'),
    '--target',
    cluster.uri('postgres'),
    '--all-databases',
    '--url',
    service.url,
  ]);
  expect(service.requests[0]?.body).toMatchObject({ properties: { dbsToMigrate: ['full'] } });
});

test('an error of the API ends with 2 and shows its target', async () => {
  await using service = await startFakeService({
    resources: [],
    put: {
      status: 409,
      body: { error: { code: 'Conflict', message: 'The name is taken.', target: 'name' } },
    },
  });
  const run = await pgmove(migrate(other.uri('empty'), '--url', service.url));
  expect([run.code, run.stderr]).toEqual([
    2,
    expect.stringContaining('The name is taken. (name, Conflict)'),
  ]);
});

test('Ctrl-C asks the migration to cancel and waits for its end', async () => {
  await using service = await startFakeService({
    resources: [resourceWith('InProgress', {}, { subState: 'MigratingData' })],
    afterPatch: resourceWith('Canceled'),
  });
  const run = await pgmove(migrate(other.uri('empty'), '--url', service.url), (text, pid) => {
    if (text.includes('MigratingData')) process.kill(pid, 'SIGINT');
  });
  expect(run.code).toBe(4);
  expect(service.requests.find(({ method }) => method === 'PATCH')?.body).toEqual({
    properties: { cancel: 'True' },
  });
});

test('the overwrite gate, if it closes after the check, ends with 2 and is never waited for', async () => {
  await using service = await startFakeService({
    resources: [
      resourceWith(
        'WaitingForUserAction',
        {},
        { subState: 'WaitingForTargetDBOverwriteConfirmation' },
      ),
    ],
    afterPatch: resourceWith('Canceled'),
  });
  const run = await pgmove(migrate(other.uri('empty'), '--url', service.url));
  expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('--overwrite')]);
});
