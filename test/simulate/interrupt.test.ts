import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = path.join(root, 'dist/scripts/simulate/main.js');

let folder: string;
let simulation: ChildProcess | undefined;

beforeAll(() => {
  const args = [path.join(root, 'scripts/bootstrap.mjs'), 'pgmove', '--version'];
  expect(spawnSync(process.execPath, args).status).toBe(0);
});

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-interrupt-test-'));
});

afterEach(async () => {
  simulation?.kill('SIGKILL');
  for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** The processes that inherited this folder as the one for temporary files. */
function processesOf(temporary: string): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(temporary);
    } catch {
      return false;
    }
  });
}

/** Node keeps its compiled code there as well. */
async function foldersLeft(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name !== 'node-compile-cache');
}

/** Larger than anybody waits for; resolves when it has come to this phase. */
async function startSimulation(phase: string): Promise<ChildProcess> {
  const args = ['--databases', '50', '--tables', '50000', '--jobs', '4'];
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  simulation = child;
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes(`] ${phase} `)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`It ended with ${code}: ${output}`)));
  });
  return child;
}

test.each([
  ['SIGINT', 'copying', 130],
  ['SIGTERM', 'copying', 143],
  ['SIGTERM', 'preparing', 143],
] as const)('%s while it is %s leaves nothing behind', async (signal, phase, code) => {
  const child = await startSimulation(phase);
  if (phase === 'copying') {
    // Itself, the storage and the host.
    expect(processesOf(folder)).toHaveLength(3);
    expect(await foldersLeft()).toHaveLength(1);
  }
  child.kill(signal);
  expect(await once(child, 'exit')).toEqual([code, null]);
  expect(processesOf(folder)).toEqual([]);
  expect(await foldersLeft()).toEqual([]);
});

test('what it started ends with it when it is killed', async () => {
  const child = await startSimulation('copying');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await expect.poll(() => processesOf(folder), { timeout: 60_000 }).toEqual([]);
});

test('an option that makes no sense is named, and nothing is started', () => {
  const run = spawnSync(process.execPath, [MAIN, '--databases', '10', '--tables', '4'], {
    env: { ...process.env, TMPDIR: folder },
    encoding: 'utf8',
  });
  expect([run.status, run.stdout]).toEqual([2, '']);
  expect(run.stderr).toMatch(
    /^--tables 4: fewer than --databases 10;.*\n\nUsage: npm run simulate/,
  );
  expect(processesOf(folder)).toEqual([]);
});
