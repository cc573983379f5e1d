import type { ReplicationRecord } from './records.ts';

/** Nothing of it is left: neither a snapshot nor a stream nor a slot. */
export function isSettled({ desired, observed }: ReplicationRecord): boolean {
  return desired.phase === 'released' && observed.phase === 'released';
}

/**
 * Whether a replicator has something to do for the row: take or hold a snapshot, run or watch a stream,
 * let go of either. What was lost or has failed waits for another generation or run, not for one.
 */
export function wantsReplicator(record: ReplicationRecord): boolean {
  const { desired, observed } = record;
  if (desired.phase === 'released') return observed.phase !== 'released';
  const isSame = 'generation' in observed && observed.generation === desired.generation;
  if (desired.phase === 'holdSnapshot') {
    return !isSame || (observed.phase !== 'snapshotLost' && observed.phase !== 'failed');
  }
  if (observed.phase !== 'streamFailed' || !isSame || observed.run !== desired.run) return true;
  // The slot of a failed stream is watched: what it keeps on the source is bounded.
  return !observed.isSlotLost;
}
