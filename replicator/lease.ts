import type { ReplicationRecord } from '../shared/contracts/records.ts';

/** A row whose owner is silent for this long may be taken by another replicator. */
export const LEASE_SECONDS = 15;

/** How often an owner renews what it holds. */
export const RENEW_EVERY_MS = 5_000;

export function leaseUntil(now: number): string {
  return new Date(now + LEASE_SECONDS * 1000).toISOString();
}

/** Whether `owner` may work on the row now: it is free, its own, or its owner went silent. */
export function mayClaim(record: ReplicationRecord, owner: string, now: number): boolean {
  const { lease } = record;
  return lease === undefined || lease.owner === owner || Date.parse(lease.until) <= now;
}
