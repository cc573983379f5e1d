import { spawn } from 'node:child_process';
import path from 'node:path';

export interface ProgramOptions {
  signal: AbortSignal;
  cwd?: string;
  environment?: NodeJS.ProcessEnv;
}

const OUTPUT_TAIL = 3_000;
const GRACE_MS = 10_000;

/**
 * Runs a program to its end and answers the wall time from start to exit. Anything but exit code 0
 * is an error that carries the end of the output.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<number> {
  options.signal.throwIfAborted();
  const startedAt = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: what it started is ended with it, and Ctrl-C reaches it through us only.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.environment ?? process.env,
  });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-OUTPUT_TAIL);
    });
  }
  let killTimer: NodeJS.Timeout | undefined;
  const endGroup = (): void => {
    killGroup(child.pid, 'SIGTERM');
    killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE_MS);
  };
  options.signal.addEventListener('abort', endGroup);
  try {
    const seconds = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      let exitSeconds = 0;
      child.once('exit', () => (exitSeconds = (performance.now() - startedAt) / 1000));
      // Only now is all of the output there that a message may need.
      child.once('close', (code, signal) => {
        if (code === 0) return resolve(exitSeconds);
        reject(new Error(`${path.basename(program)} ended with ${signal ?? code}:\n${tail}`));
      });
    });
    return seconds;
  } finally {
    clearTimeout(killTimer);
    options.signal.removeEventListener('abort', endGroup);
    options.signal.throwIfAborted();
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
