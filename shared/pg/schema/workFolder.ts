import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';

/** A folder for archives and certificates of one dump. `await using` removes it. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
}

const PREFIX = `pgmove-dump-${hostname().replaceAll(/[^A-Za-z0-9]/g, '')}-`;

/**
 * Makes a folder that only this user may enter, below the system's temporary folder. What a process
 * of this machine left behind because it was killed is removed first: keys may be in it.
 */
export async function makeWorkFolder(): Promise<WorkFolder> {
  const parent = tmpdir();
  await removeAbandoned(parent);
  const folder = await mkdtemp(path.join(parent, `${PREFIX}${process.pid}-`));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(PREFIX)
      ? Number.parseInt(name.slice(PREFIX.length), 10)
      : Number.NaN;
    if (!(pid > 0) || isAlive(pid)) continue;
    // Somebody else may not be ours to clean up after.
    await rm(path.join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
