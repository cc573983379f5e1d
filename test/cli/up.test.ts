import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { findRunningStack, stackFolder } from '../../cli/stack/stackFile.ts';
import type { StackFile } from '../../cli/stack/stackFile.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// The services run as they were built, so the command does too.
const MAIN = path.join(root, 'dist/cli/main.js');

let folder: string;
let up: ChildProcess | undefined;

beforeAll(() => {
  const build = spawnSync(process.execPath, [
    path.join(root, 'scripts/bootstrap.mjs'),
    'pgmove',
    '--version',
  ]);
  expect(build.status).toBe(0);
});

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-up-test-'));
});

afterEach(async () => {
  if (up?.exitCode === null && up.signalCode === null) {
    const ended = new Promise((resolve) => up?.once('exit', resolve));
    up.kill('SIGTERM');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
});

async function startUp(): Promise<StackFile> {
  up = await spawnUp([]);
  return await readStack('stack.json');
}

async function spawnUp(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, 'up', '--port', '0', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes('Ctrl-C stops it.')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`pgmove up ended with ${code}: ${output}`)));
  });
  return child;
}

async function readStack(name: string): Promise<StackFile> {
  return JSON.parse(await readFile(path.join(stackFolder(folder), name), 'utf8')) as StackFile;
}

function pgmove(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, encoding: 'utf8' });
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/stat`);
}

test('up serves this folder, a second one says so, and a signal ends all of it', async () => {
  const stack = await startUp();
  expect(await findRunningStack(stackFolder(folder))).toEqual(stack);
  const second = pgmove('up');
  expect([second.status, second.stderr]).toEqual([
    2,
    expect.stringContaining(`runs already at ${stack.url}`),
  ]);
  const list = pgmove('migration', 'list', '--server-name', 'some-server');
  expect([list.status, list.stdout.trim()]).toEqual([0, '[]']);

  const ended = new Promise((resolve) => up?.once('exit', resolve));
  up?.kill('SIGINT');
  expect(await ended).toBe(0);
  const { azurite = 0, host, replicator } = stack.pids;
  expect(azurite).toBeGreaterThan(0);
  expect([azurite, host, replicator].filter(isAlive)).toEqual([]);
  expect(await findRunningStack(stackFolder(folder))).toBeUndefined();
  // The state survives.
  expect(existsSync(path.join(stackFolder(folder), 'azurite', 'tables.json'))).toBe(true);
});

test('a killed up leaves a file that counts for nothing', async () => {
  await startUp();
  const ended = new Promise((resolve) => up?.once('exit', resolve));
  up?.kill('SIGKILL');
  await ended;
  expect(existsSync(path.join(stackFolder(folder), 'stack.json'))).toBe(true);
  const list = pgmove('migration', 'list', '--server-name', 'some-server');
  expect([list.status, list.stderr]).toEqual([2, expect.stringContaining('No service runs')]);
});

test('a worker group runs beside the service of the folder, and needs one', async () => {
  const alone = pgmove('up', '--runtime', 'siteb');
  expect([alone.status, alone.stderr]).toEqual([
    2,
    expect.stringContaining('belongs to a service'),
  ]);
  const front = await startUp();
  const group = await spawnUp(['--runtime', 'SiteB']);
  const ended = new Promise((resolve) => group.once('exit', resolve));
  const stack = await readStack('stack-siteb.json');
  expect(stack.storage).toBe(front.storage);
  expect(stack.pids.azurite).toBeUndefined();
  const again = pgmove('up', '--runtime', 'siteb');
  expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('runs already')]);
  group.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(existsSync(path.join(stackFolder(folder), 'stack-siteb.json'))).toBe(false);
  expect(await findRunningStack(stackFolder(folder))).toEqual(front);
});
