import { safeCause } from '../../shared/pg/copy/failure.ts';
import { changeOrTime } from '../../shared/state/changeNotice.ts';
import { dropSlot } from '../../shared/wal/slot.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { releaseReplication } from './releaseReplication.ts';
import { restoreNotedIdentities } from './sourceChanges.ts';

/** How long the replicator may take to let go; then its slot is dropped from here. */
const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 100;
const DROP_MS = 20_000;

/**
 * Leaves nothing of a stream on the source, whether a replicator runs or not. A source that cannot
 * be reached any more keeps nobody from forgetting the migration.
 */
export async function endStream(env: ActivityEnvironment, database: string): Promise<void> {
  const { ref } = env.record;
  const known = await env.stores.replications.get(ref.id, database);
  const slot = known?.desired.phase === 'holdSnapshot' ? undefined : known?.desired.slot;
  await releaseReplication(env.stores, ref, database);
  if (slot === undefined) return;
  const deadline = Date.now() + WAIT_MS;
  while (Date.now() < deadline) {
    const row = await env.stores.replications.get(ref.id, database);
    if (row === undefined || row.observed.phase === 'released') break;
    await changeOrTime(ref.id, LOOK_EVERY_MS);
  }
  try {
    await using source = await env.openSourceToChange(database);
    await dropSlot(source, slot, { signal: AbortSignal.timeout(DROP_MS) });
    await restoreNotedIdentities(env, database);
  } catch (error) {
    env.log.warn('the slot may stay on the source', { slot, error: safeCause(error) });
  }
}
