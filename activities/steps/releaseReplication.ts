import { QUEUES } from '../../shared/contracts/names.ts';
import type { MigrationRef, ReplicationRecord } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

/**
 * Tells the replicator to let go of the database's snapshot or stream; the slot of a stream is
 * dropped. Nothing happens when there is none.
 */
export async function releaseReplication(
  stores: Stores,
  ref: MigrationRef,
  database: string,
): Promise<void> {
  const known = await stores.replications.get(ref.id, database);
  if (known === undefined || known.desired.phase === 'released') return;
  await stores.replications.update(ref.id, database, (row) => ({
    ...row,
    desired: released(row),
  }));
  await stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id: ref.id, database }));
}

function released({ desired }: ReplicationRecord): ReplicationRecord['desired'] {
  return desired.phase === 'stream'
    ? { phase: 'released', slot: desired.slot }
    : { phase: 'released' };
}

/** How long a snapshot outlives a failed copy, so that a resume copies only what failed. */
export const KEEP_SNAPSHOT_MINUTES = 60;

/**
 * Bounds how long what a resume can go on with is kept: a snapshot holds back vacuum on the source,
 * a slot its WAL.
 *
 * @param streamHours For a stream (failedRetention).
 */
export async function keepForResume(
  stores: Stores,
  ref: MigrationRef,
  database: string,
  now: number,
  streamHours: number,
): Promise<void> {
  const known = await stores.replications.get(ref.id, database);
  if (known === undefined || known.desired.phase === 'released') return;
  await stores.replications.update(ref.id, database, (row) => {
    const { desired } = row;
    if (desired.phase === 'released') return undefined;
    const minutes = desired.phase === 'stream' ? streamHours * 60 : KEEP_SNAPSHOT_MINUTES;
    return {
      ...row,
      desired: { ...desired, until: new Date(now + minutes * 60_000).toISOString() },
    };
  });
}
