import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from '../childProcess.ts';
import type { Contender, Site } from '../offline/benchCase.ts';

export const PGCOPYDB_NAME = 'pgcopydb clone';

/** Options of `clone` that say how many jobs there are; each version knows some of them. */
const JOB_OPTIONS = ['--table-jobs', '--index-jobs', '--restore-jobs'];

/** None where pgcopydb is not installed. */
export function pgcopydb(site: Site, options: { maxRuns?: number } = {}): Contender[] {
  const { pgcopydb: installed, postgresFolder } = site.programs;
  if (installed === undefined) return [];
  const jobs = JOB_OPTIONS.filter((option) => installed.cloneHelp.includes(option)).flatMap(
    (option) => [option, '2'],
  );
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    // It starts pg_dump and pg_restore: the same ones as the other baseline.
    PATH: `${postgresFolder}${path.delimiter}${process.env['PATH'] ?? ''}`,
  };
  const run = async (): Promise<{ seconds: number }> => {
    const folder = await mkdtemp(path.join(site.folder, 'pgmove-bench-pgcopydb-'));
    const { sourceUri, targetUri } = site.servers;
    const args = ['clone', '--source', sourceUri, '--target', targetUri, ...jobs];
    try {
      const seconds = await runProgram(
        installed.program,
        [...args, '--dir', path.join(folder, 'work')],
        {
          environment,
          signal: site.signal,
        },
      );
      return { seconds };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return [
    {
      name: PGCOPYDB_NAME,
      proves: 'everything',
      ...(options.maxRuns === undefined ? {} : { maxRuns: options.maxRuns }),
      run,
    },
  ];
}
