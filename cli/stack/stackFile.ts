import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runtimeIdOf, runtimeKeyOf } from '../../shared/contracts/runtimes.ts';

/**
 * `.pgmove/stack.json`: where the stack that `pgmove up` runs in this folder can be reached. Worker
 * groups have a file of their own beside it.
 */
export interface StackFile {
  url: string;
  /** The `pgmove up` process first; a worker group has no storage of its own. */
  pids: { up: number; azurite?: number; host: number; replicator: number };
  startedOn: string;
  /** Connection string of the local storage. */
  storage: string;
}

/** State of the local stack, below the folder that the command is called in. */
export function stackFolder(workingFolder: string = process.cwd()): string {
  return path.join(workingFolder, '.pgmove');
}

export async function writeStackFile(
  folder: string,
  stack: StackFile,
  runtime?: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = fileOf(folder, runtime);
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(stack, null, 2)}\n`);
  await rename(temporary, file);
}

export async function removeStackFile(folder: string, runtime?: string): Promise<void> {
  await rm(fileOf(folder, runtime), { force: true });
}

function fileOf(folder: string, runtime: string | undefined): string {
  const name = runtime === undefined ? 'stack' : `stack-${runtimeKeyOf(runtimeIdOf(runtime))}`;
  return path.join(folder, `${name}.json`);
}

/**
 * The stack that runs in this folder, or undefined. A file that was left behind by a killed process
 * does not count: the process has to live and its service has to answer.
 */
export async function findRunningStack(
  folder: string,
  runtime?: string,
): Promise<StackFile | undefined> {
  const stack = await readStackFile(fileOf(folder, runtime));
  if (stack === undefined || !isAlive(stack.pids.up) || !isAlive(stack.pids.host)) return undefined;
  const answers = await fetch(new URL('/openapi.json', stack.url), {
    signal: AbortSignal.timeout(5_000),
    redirect: 'manual',
  }).then(
    async (response) => {
      await response.body?.cancel();
      return true;
    },
    () => false,
  );
  return answers ? stack : undefined;
}

async function readStackFile(file: string): Promise<StackFile | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as StackFile;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is a live one.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
