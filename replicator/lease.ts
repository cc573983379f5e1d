import type { ReplicationRecord } from '../shared/contracts/records.ts';
import type { Stores } from '../shared/state/stores.ts';

/** A row whose owner is silent for this long may be taken by another replicator. */
const LEASE_SECONDS = 15;

/** An owner renews a lease that has less than this left. */
const RENEW_BELOW_MS = 10_000;

type Replications = Pick<Stores, 'replications'>;

export function leaseUntil(now: number): string {
  return new Date(now + LEASE_SECONDS * 1000).toISOString();
}

/** Whether `owner` may work on the row now: it is free, its own, or its owner went silent. */
export function mayClaim({ lease }: ReplicationRecord, owner: string, now: number): boolean {
  return lease === undefined || lease.owner === owner || Date.parse(lease.until) <= now;
}

/**
 * Writes this process's lease into the row; undefined when another replicator holds it. Who is leaving
 * claims nothing that is not its own.
 */
export async function claim(
  { replications }: Replications,
  seen: ReplicationRecord,
  owner: string,
  isLeaving: boolean,
): Promise<ReplicationRecord | undefined> {
  let claimed = false;
  const record = await replications.update(seen.ref.id, seen.database, (current) => {
    claimed = isLeaving ? current.lease?.owner === owner : mayClaim(current, owner, Date.now());
    const isKept = current.lease?.owner === owner && Date.parse(current.lease.until) > Date.now();
    if (!claimed || isKept) return undefined;
    return { ...current, lease: { owner, until: leaseUntil(Date.now()) } };
  });
  return claimed ? record : undefined;
}

/** Keeps the row, unless it has been written a moment ago or is another's by now. */
export async function renew(
  { replications }: Replications,
  seen: ReplicationRecord,
  owner: string,
): Promise<void> {
  const { lease } = seen;
  const leftMs = lease === undefined ? 0 : Date.parse(lease.until) - Date.now();
  if (lease?.owner === owner && leftMs > RENEW_BELOW_MS) return;
  await replications.update(seen.ref.id, seen.database, (current) =>
    mayClaim(current, owner, Date.now())
      ? { ...current, lease: { owner, until: leaseUntil(Date.now()) } }
      : undefined,
  );
}

/** So that the next replicator need not wait for the lease to run out; false: it was not ours. */
export async function giveBack(
  { replications }: Replications,
  seen: ReplicationRecord,
  owner: string,
): Promise<boolean> {
  let isOurs = false;
  await replications.update(seen.ref.id, seen.database, (current) => {
    isOurs = current.lease?.owner === owner;
    if (!isOurs) return undefined;
    const { lease: _lease, ...rest } = current;
    return rest;
  });
  return isOurs;
}
