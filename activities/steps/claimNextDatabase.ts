import type { DatabaseClaim, DatabaseRecord } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

export interface ClaimedDatabase {
  record: DatabaseRecord;
  /** Databases of the migration that have not succeeded, this one among them. */
  openDatabases: number;
}

/**
 * The largest database of the migration that no lane of this run has taken, and from now on the
 * claim's; undefined when there is none. The same claim gets the same database again.
 */
export async function claimNextDatabase(
  { databases }: Pick<Stores, 'databases'>,
  migrationId: string,
  claim: DatabaseClaim,
): Promise<ClaimedDatabase | undefined> {
  const open = await databases.listOpen(migrationId, claim);
  const mine = open.find(({ isOfClaim }) => isOfClaim);
  const openDatabases = open.length;
  if (mine !== undefined) {
    const record = await databases.get(migrationId, mine.database);
    return record && { record, openDatabases };
  }
  const candidates = open.filter(({ claimOwner }) => claimOwner !== claim.owner);
  for (const { database } of candidates.sort((a, b) => a.order - b.order)) {
    let isTaken = false;
    // What was listed may be out of date by now: the row itself decides.
    const record = await databases.update(migrationId, database, (row) => {
      isTaken = row.state !== 'Succeeded' && row.claim?.owner !== claim.owner;
      return isTaken ? { record: { ...row, claim } } : undefined;
    });
    if (isTaken && record !== undefined) return { record, openDatabases };
  }
  return undefined;
}
