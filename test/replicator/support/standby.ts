import { execFile } from 'node:child_process';
import { appendFile, chown, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { startTestCluster } from '../../pg/copy/copyPair.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { clientBinaries } from '../../../shared/pg/clientBinaries.ts';

const run = promisify(execFile);

/** A physical standby of the cluster, which follows it until it is promoted. */
export async function startStandby(primary: ThrowawayCluster): Promise<ThrowawayCluster> {
  const standby = await startTestCluster();
  await standby.halt();
  const { dataFolder, port } = standby;
  const { uid, gid } = await stat(dataFolder);
  for (const name of await readdir(dataFolder)) {
    await rm(path.join(dataFolder, name), { recursive: true });
  }
  const { folder } = await clientBinaries();
  const options = '--checkpoint=fast --write-recovery-conf --no-sync'.split(' ');
  const from = [`--pgdata=${dataFolder}`, `--dbname=${primary.uri()}`];
  await run(path.join(folder, 'pg_basebackup'), options.concat(from));
  await appendFile(path.join(dataFolder, 'postgresql.conf'), `\nport = ${port}\n`);
  if (process.getuid?.() === 0) await chownTree(dataFolder, uid, gid);
  await standby.start();
  return standby;
}

async function chownTree(folder: string, uid: number, gid: number): Promise<void> {
  await chown(folder, uid, gid);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chown(path.join(entry.parentPath, entry.name), uid, gid);
  }
}
