import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const MODULE = path.join(
  fileURLToPath(new URL('../..', import.meta.url)),
  'scripts/bootstrap/runInPlace.mjs',
);

/** Tells each signal that it gets, and ends with its input. */
const LISTENER = `
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => console.log('got', name));
process.stdin.resume().on('end', () => process.exit(7));
console.log('ready', process.pid);
`;

type Started = ChildProcessByStdio<Writable, Readable, null> & { pid: number };

let running: ChildProcess | undefined;
let output = '';

afterEach(() => {
  // The whole group, so that nothing stays when a test fails.
  if (running?.pid !== undefined && isAlive(-running.pid)) process.kill(-running.pid, 'SIGKILL');
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Runs the program with `runInPlace`, as a group of its own. */
function start(program: string): Started {
  const script = `import { runInPlace } from ${JSON.stringify(MODULE)};
    await runInPlace(process.execPath, ['-e', ${JSON.stringify(program)}]);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  running = child;
  output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const { pid } = child;
  if (pid === undefined) throw new Error('It did not start.');
  return Object.assign(child, { pid });
}

async function seen(child: Started, lines: number): Promise<void> {
  while (output.split('\n').length <= lines) await once(child.stdout, 'data');
}

function signalsSeen(): string[] {
  return [...output.matchAll(/got (\w+)/g)].map(([, name]) => name ?? '');
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s to it alone reaches the program', async (name) => {
  const child = start(LISTENER);
  await seen(child, 1);
  process.kill(child.pid, name);
  await seen(child, 2);
  child.stdin.end();
  expect(await once(child, 'close')).toEqual([7, null]);
  expect(signalsSeen()).toEqual([name]);
});

test.each([
  ['SIGINT', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
] as const)('%s to the group, as from a terminal, reaches it once', async (name, other) => {
  const child = start(LISTENER);
  await seen(child, 1);
  process.kill(-child.pid, name);
  await seen(child, 2);
  // Signals are passed on in turn: when this one has come, a second of the first would have too.
  await expect
    .poll(
      () => {
        process.kill(child.pid, other);
        return signalsSeen();
      },
      { timeout: 60_000 },
    )
    .toContain(other);
  child.stdin.end();
  expect(await once(child, 'close')).toEqual([7, null]);
  expect(signalsSeen().filter((seenName) => seenName === name)).toEqual([name]);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  'it dies of the %s that the program dies of, and leaves nothing',
  async (name) => {
    const child = start(`console.log('ready', process.pid); setInterval(() => {}, 60_000);`);
    await seen(child, 1);
    const pid = Number(/ready (\d+)/.exec(output)?.[1]);
    process.kill(name === 'SIGKILL' ? pid : child.pid, name);
    expect(await once(child, 'close')).toEqual([null, name]);
    await expect.poll(() => isAlive(-child.pid), { timeout: 60_000 }).toBe(false);
  },
);
