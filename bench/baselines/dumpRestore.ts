import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from '../childProcess.ts';
import type { Contender, Lap, Site } from '../offline/benchCase.ts';

export const DUMP_RESTORE_NAME = 'pg_dump + pg_restore + analyze';

/** What everybody has: dump to a folder, restore from it, analyze; two jobs each. */
export function dumpRestore(site: Site): Contender {
  return { name: DUMP_RESTORE_NAME, proves: 'everything', run: () => runDumpRestore(site) };
}

async function runDumpRestore(site: Site): Promise<Lap> {
  const folder = await mkdtemp(path.join(site.folder, 'pgmove-bench-dump-'));
  const dump = path.join(folder, 'dump');
  const { sourceUri, targetUri } = site.servers;
  const run = (program: string, args: readonly string[]): Promise<number> =>
    runProgram(path.join(site.programs.postgresFolder, program), args, { signal: site.signal });
  try {
    const parts = [
      await run('pg_dump', ['-Fd', '-j2', '-f', dump, '-d', sourceUri]),
      await run('pg_restore', ['-j2', '--exit-on-error', '-d', targetUri, dump]),
      await run('vacuumdb', ['--analyze-only', '-j2', '-d', targetUri]),
    ];
    const [dumped, restored, analyzed] = parts.map((seconds) => seconds.toFixed(1));
    return {
      seconds: parts.reduce((sum, seconds) => sum + seconds, 0),
      detail: `dump ${dumped}, restore ${restored}, analyze ${analyzed}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
