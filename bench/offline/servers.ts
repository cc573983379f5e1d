import type pg from 'pg';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';

/** The database has this name on both sides. */
export const DATABASE = 'bench';

/** Two servers with PostgreSQL's default settings. `await using` removes both. */
export interface BenchServers extends AsyncDisposable {
  readonly source: ThrowawayCluster;
  readonly target: ThrowawayCluster;
  readonly sourceUri: string;
  readonly targetUri: string;
}

export async function startServers(parentFolder: string): Promise<BenchServers> {
  const source = await startThrowawayCluster({ parentFolder });
  const target = await startThrowawayCluster({ parentFolder }).catch(async (error: unknown) => {
    await source.stop();
    throw error;
  });
  await source.createDatabase(DATABASE);
  return {
    source,
    target,
    sourceUri: source.uri(DATABASE),
    targetUri: target.uri(DATABASE),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([source.stop(), target.stop()]);
    },
  };
}

/** An empty target database, and no checkpoint due on either side: all runs start equal. */
export async function freshTarget(servers: BenchServers): Promise<void> {
  await servers.target.run(`drop database if exists ${DATABASE} with (force)`);
  await servers.target.createDatabase(DATABASE);
  await Promise.all([servers.source.run('checkpoint'), servers.target.run('checkpoint')]);
}

/** A superuser session that an abort ends in the middle of a statement. */
export async function withClient<Result>(
  cluster: ThrowawayCluster,
  database: string,
  signal: AbortSignal,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const client = await cluster.connect(database);
  const close = (): void => void client.end().catch(() => undefined);
  signal.addEventListener('abort', close);
  try {
    return await work(client);
  } finally {
    signal.removeEventListener('abort', close);
    await client.end().catch(() => undefined);
  }
}
