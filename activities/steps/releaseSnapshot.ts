import { QUEUES } from '../../shared/contracts/names.ts';
import type { MigrationRef } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** Tells the replicator to let go of the database's snapshot; nothing happens when there is none. */
export async function releaseSnapshot(
  stores: Stores,
  ref: MigrationRef,
  database: string,
): Promise<void> {
  const known = await stores.replications.get(ref.id, database);
  if (known === undefined || known.desired.phase === 'released') return;
  await stores.replications.update(ref.id, database, (row) => ({
    ...row,
    desired: { phase: 'released' },
  }));
  await stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id: ref.id, database }));
}

/** How long a snapshot outlives a failed copy, so that a resume copies only what failed. */
export const KEEP_SNAPSHOT_MINUTES = 60;

/** Bounds how long the snapshot is kept: it holds back vacuum on the source. */
export async function keepSnapshotForResume(
  stores: Stores,
  ref: MigrationRef,
  database: string,
  now: number,
): Promise<void> {
  const until = new Date(now + KEEP_SNAPSHOT_MINUTES * 60_000).toISOString();
  const known = await stores.replications.get(ref.id, database);
  if (known?.desired.phase !== 'holdSnapshot') return;
  await stores.replications.update(ref.id, database, (row) =>
    row.desired.phase === 'holdSnapshot'
      ? { ...row, desired: { ...row.desired, until } }
      : undefined,
  );
}
