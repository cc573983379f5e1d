import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { clientBinaries } from '../../../shared/pg/clientBinaries.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';

const run = promisify(execFile);

/** The schema as pg_dump writes it, without what changes from run to run. */
export async function dumpText(cluster: ThrowawayCluster, database: string): Promise<string> {
  const { folder } = await clientBinaries();
  const { stdout } = await run(
    path.join(folder, 'pg_dump'),
    ['--schema-only', '--exclude-schema=pgmove', cluster.uri(database)],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  return stdout.replace(/^\\(un)?restrict .*$/gm, '').replace(/^-- Dumped .*$/gm, '');
}
