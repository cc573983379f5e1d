import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { appRoot } from '../../cli/appRoot.ts';
import { findRunningStack, stackFolder } from '../../cli/stack/stackFile.ts';

/** The command line as a user starts it, from the build. */
export const PGMOVE = path.join(appRoot(), 'dist', 'cli', 'main.js');

/** A stack that `pgmove up` runs in a folder of its own. */
export interface Stack extends AsyncDisposable {
  /** A `pgmove migrate` that is started in here finds the stack. */
  readonly folder: string;
  readonly pids: { host: number; replicator: number };
}

const GRACE_MS = 15_000;
const OUTPUT_TAIL = 3_000;

export async function startStack(parentFolder: string, signal: AbortSignal): Promise<Stack> {
  signal.throwIfAborted();
  const folder = await mkdtemp(path.join(parentFolder, 'pgmove-bench-stack-'));
  const child = spawn(process.execPath, [PGMOVE, 'up', '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C ends the run in order: first what uses the stack, then the stack.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  const onAbort = (): boolean => child.kill('SIGTERM');
  signal.addEventListener('abort', onAbort);
  try {
    await new Promise<void>((resolve, reject) => {
      let tail = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          tail = (tail + text).slice(-OUTPUT_TAIL);
          if (tail.includes('pgmove is running')) resolve();
        });
      }
      child.once('error', reject);
      void ended.then(() => reject(new Error(`"pgmove up" ended before it was ready:\n${tail}`)));
    });
    const running = await findRunningStack(stackFolder(folder));
    if (running === undefined) throw new Error('"pgmove up" is ready but does not answer.');
    return { folder, pids: running.pids, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
