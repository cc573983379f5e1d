import type { ReplicationRecord } from '../../shared/contracts/records.ts';
import { isDatabaseEnded, isEnded } from '../../shared/contracts/status.ts';
import { QUEUES } from '../../shared/contracts/names.ts';
import type { Stores } from '../../shared/state/stores.ts';

const HOUR_MS = 60 * 60 * 1000;

/**
 * Sees to it that no slot outlives its migration: one of a failed database is bounded in time, one
 * of a database that ended otherwise, or that nobody knows any more, goes.
 *
 * @returns The failures; one stream's does not keep the others back.
 */
export async function watchStreams(
  stores: Stores,
  now: Date,
  retentionHours: number,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  for await (const row of stores.replications.listUnsettled()) {
    if (row.desired.phase !== 'stream') continue;
    await watchOne(stores, row, now, retentionHours).catch((error: unknown) =>
      failures.push(error),
    );
  }
  return failures;
}

async function watchOne(
  stores: Stores,
  { ref, database }: ReplicationRecord,
  now: Date,
  retentionHours: number,
): Promise<void> {
  const migration = await stores.migrations.get(ref);
  const row = await stores.databases.get(ref.id, database);
  const isGone = migration === undefined || row === undefined;
  if (!isGone && !isEnded(migration.status) && !isDatabaseEnded(row.state)) return;
  const isKept = !isGone && row.state === 'Failed';
  const until = new Date(now.getTime() + retentionHours * HOUR_MS).toISOString();
  let hasChanged = false;
  await stores.replications.update(ref.id, database, (current) => {
    hasChanged = false;
    const { desired } = current;
    if (desired.phase !== 'stream' || (isKept && desired.until !== undefined)) return undefined;
    hasChanged = true;
    if (isKept) return { ...current, desired: { ...desired, until } };
    return { ...current, desired: { phase: 'released', slot: desired.slot } };
  });
  if (!hasChanged) return;
  await stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id: ref.id, database }));
}
