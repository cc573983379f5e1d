import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from '../childProcess.ts';
import { watchUsage } from '../processUsage.ts';
import type { Contender, Lap, Site } from './benchCase.ts';
import { PGMOVE } from './stack.ts';

export const PGMOVE_NAME = 'pgmove';

/** `pgmove migrate`, from the start of the process to its exit. */
export function pgmoveContender(site: Site): Contender {
  return {
    name: PGMOVE_NAME,
    proves: 'everything',
    run: () => (site.stack === undefined ? runAlone(site) : runWithStack(site, site.stack)),
  };
}

async function runWithStack(site: Site, stack: NonNullable<Site['stack']>): Promise<Lap> {
  const watch = await watchUsage({
    host: stack.pids.host,
    replicator: stack.pids.replicator,
  });
  try {
    const seconds = await migrate(site, stack.folder);
    const usage = Object.entries(await watch.stop());
    return {
      seconds,
      detail: usage
        .map(
          ([name, { peakMegabytes, cpuSeconds }]) =>
            `${name} ${cpuSeconds.toFixed(1)} s of processor, ${Math.round(peakMegabytes)} MB`,
        )
        .join(', '),
      peakMegabytes: Object.fromEntries(
        usage.map(([name, { peakMegabytes }]) => [name, peakMegabytes]),
      ),
    };
  } finally {
    await watch.stop();
  }
}

/** No stack runs in the empty folder: the command starts its own and ends it. */
async function runAlone(site: Site): Promise<Lap> {
  const folder = await mkdtemp(path.join(site.folder, 'pgmove-bench-alone-'));
  try {
    return { seconds: await migrate(site, folder) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function migrate(site: Site, cwd: string): Promise<number> {
  const { PGMOVE_URL: _url, ...environment } = process.env;
  return runProgram(
    process.execPath,
    [
      PGMOVE,
      'migrate',
      '--source',
      site.servers.sourceUri,
      '--target',
      site.servers.targetUri,
      '--jobs',
      '2',
    ],
    { cwd, environment, signal: site.signal },
  );
}
