import pg from 'pg';
import type { ThrowawayCluster } from '../postgres/throwawayCluster.ts';
import {
  countLoadTransactions,
  createLoadRole,
  LOAD_ROLE,
  prepareWriteLoad,
} from './load/loadSchema.ts';
import { startWriteLoad } from './load/writeLoad.ts';
import type { LoadStats, WriteLoad } from './load/writeLoad.ts';

const CLIENTS = 4;
const TRANSACTIONS_PER_SECOND = 200;

/** Clients that write to the source for as long as they may. */
export async function startDemoLoad(
  source: ThrowawayCluster,
  target: ThrowawayCluster,
  database: string,
): Promise<WriteLoad> {
  const [client, targetClient] = await Promise.all([source.connect(database), target.connect()]);
  try {
    await createLoadRole(targetClient);
    await prepareWriteLoad(client);
  } finally {
    await Promise.all([client.end(), targetClient.end()]);
  }
  return startWriteLoad({
    clientCount: CLIENTS,
    transactionsPerSecond: TRANSACTIONS_PER_SECOND,
    connect: async () => {
      const session = new pg.Client({ connectionString: source.uri(database, LOAD_ROLE) });
      session.on('error', () => undefined);
      await session.connect();
      return session;
    },
  });
}

/** What the clients did until the fence, as lines for people. */
export function describeLoad(stats: LoadStats, arrived: number): string[] {
  const count = (value: number): string => value.toLocaleString('en-US');
  const kinds = Object.entries(stats.byKind)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, times]) => `${count(times)} ${kind}`);
  return [
    `${count(stats.committed)} transactions committed on the source in ${Math.round(stats.seconds)} s ` +
      `by ${CLIENTS} clients: ${kinds.join(', ')}`,
    `${count(stats.rolledBack)} rolled back, ${count(stats.conflicts)} given up for a deadlock or a ` +
      `lock, ${count(stats.unknown)} cut off in the middle of their commit`,
    stats.fencedClients === CLIENTS
      ? 'the fence ended all of them'
      : `the fence ended ${stats.fencedClients} of them; the others were stopped after it`,
    `${count(arrived)} transactions on the target`,
  ];
}

export async function countOnTarget(target: ThrowawayCluster, database: string): Promise<number> {
  const client = await target.connect(database);
  try {
    return await countLoadTransactions(client);
  } finally {
    await client.end();
  }
}
