import { QUEUES } from '../../shared/contracts/names.ts';
import type { SessionMessage } from '../../shared/contracts/names.ts';
import type { ReplicationRecord } from '../../shared/contracts/records.ts';
import { wantsReplicator } from '../../shared/contracts/replication.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { wakeReplicator } from './streamRow.ts';

/**
 * Writes what the replicator is to do for a database, and who waits for it. Idempotent. The message
 * of the session comes first: it starts a replicator where none is running, and one without a row is
 * deleted by whoever finds it.
 */
export async function wantReplication(
  env: ActivityEnvironment,
  wish: Pick<ReplicationRecord, 'database' | 'desired' | 'waitingInstanceId'>,
): Promise<void> {
  const { ref } = env.record;
  const { database } = wish;
  const known = await env.stores.replications.get(ref.id, database);
  const isAnnounced = known !== undefined && wantsReplicator(known);
  const message: SessionMessage = { migrationId: ref.id, database };
  if (!isAnnounced) {
    await env.stores.queues.send(QUEUES.replicatorSessions, JSON.stringify(message), {
      isKept: true,
    });
  }
  const announcedOn = isAnnounced ? known.announcedOn : new Date().toISOString();
  if (known === undefined) {
    const { runtime } = env.record;
    await env.stores.replications.put({
      ref,
      observed: { phase: 'none' },
      announcedOn,
      ...(runtime === undefined ? {} : { runtime }),
      ...wish,
    });
  } else {
    await env.stores.replications.update(ref.id, database, (row) => ({
      ...row,
      announcedOn,
      ...wish,
    }));
  }
  await wakeReplicator(env, database);
}
