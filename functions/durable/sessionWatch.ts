import { QUEUES } from '../../shared/contracts/names.ts';
import type { SessionMessage } from '../../shared/contracts/names.ts';
import type { ReplicationRecord } from '../../shared/contracts/records.ts';
import { wantsReplicator } from '../../shared/contracts/replication.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** An owner that was silent for so long is gone, and nobody has come in its place. */
const SILENT_MS = 60_000;

/** Not more often, because the message that was sent before may still be there. */
const AGAIN_AFTER_MS = 10 * 60_000;

/**
 * Makes the message of a session that wants a replicator and has none: where none is running, one is
 * started by it. An owner makes its own.
 *
 * @returns The failures; one session's does not keep the others back.
 */
export async function watchSessions(
  stores: Pick<Stores, 'replications' | 'queues'>,
  now: Date,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  for await (const row of stores.replications.listUnsettled()) {
    if (!isAbandoned(row, now)) continue;
    await announce(stores, row, now).catch((error: unknown) => failures.push(error));
  }
  return failures;
}

function isAbandoned(row: ReplicationRecord, now: Date): boolean {
  const { lease, announcedOn } = row;
  if (!wantsReplicator(row)) return false;
  if (lease !== undefined && now.getTime() - Date.parse(lease.until) < SILENT_MS) return false;
  return announcedOn === undefined || now.getTime() - Date.parse(announcedOn) >= AGAIN_AFTER_MS;
}

async function announce(
  stores: Pick<Stores, 'replications' | 'queues'>,
  { ref, database }: ReplicationRecord,
  now: Date,
): Promise<void> {
  const message: SessionMessage = { migrationId: ref.id, database };
  await stores.queues.send(QUEUES.replicatorSessions, JSON.stringify(message), { isKept: true });
  await stores.replications.update(ref.id, database, (row) => ({
    ...row,
    announcedOn: now.toISOString(),
  }));
}
