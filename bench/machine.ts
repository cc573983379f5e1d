import os from 'node:os';
import type { ThrowawayCluster } from '../scripts/postgres/throwawayCluster.ts';

/** What the numbers were made with. */
export interface Machine {
  processor: string;
  cores: number;
  memoryGigabytes: number;
  node: string;
  /** Both servers are the same: `15.18`. */
  postgres: string;
}

export async function describeMachine(cluster: ThrowawayCluster): Promise<Machine> {
  const client = await cluster.connect();
  try {
    const { rows } = await client.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    return {
      processor: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memoryGigabytes: Math.round(os.totalmem() / 2 ** 30),
      node: process.versions.node,
      postgres: rows[0]?.version.split(' ')[0] ?? 'unknown',
    };
  } finally {
    await client.end();
  }
}
