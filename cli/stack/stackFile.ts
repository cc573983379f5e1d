import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** `.pgmove/stack.json`: where the stack that `pgmove up` runs in this folder can be reached. */
export interface StackFile {
  url: string;
  /** The `pgmove up` process first. */
  pids: { up: number; azurite: number; host: number; replicator: number };
  startedOn: string;
}

/** State of the local stack, below the folder that the command is called in. */
export function stackFolder(workingFolder: string = process.cwd()): string {
  return path.join(workingFolder, '.pgmove');
}

export async function writeStackFile(folder: string, stack: StackFile): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'stack.json');
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(stack, null, 2)}\n`);
  await rename(temporary, file);
}

export async function removeStackFile(folder: string): Promise<void> {
  await rm(path.join(folder, 'stack.json'), { force: true });
}

/**
 * The stack that runs in this folder, or undefined. A file that was left behind by a killed process
 * does not count: the process has to live and its service has to answer.
 */
export async function findRunningStack(folder: string): Promise<StackFile | undefined> {
  const stack = await readStackFile(folder);
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

async function readStackFile(folder: string): Promise<StackFile | undefined> {
  try {
    return JSON.parse(await readFile(path.join(folder, 'stack.json'), 'utf8')) as StackFile;
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
