import type { DatabaseRecord } from '../shared/contracts/records.ts';
import { defineActivity } from './steps/defineActivity.ts';

/**
 * Gives a lane of the migration its next database: the largest that no lane of this run has taken.
 * Idempotent: the lane counts its claims, and the same claim gets the same database.
 */
defineActivity(
  'claimDatabase',
  async ({ ref, owner, lane, sequence }, env) => {
    const online = env.record.spec.mode === 'Online';
    const rows = await env.stores.databases.list(ref.id);
    const mine = rows.find(
      ({ claim }) => claim?.owner === owner && claim.lane === lane && claim.sequence === sequence,
    );
    if (mine !== undefined) {
      return { database: mine.database, isFresh: mine.generation === 0, online };
    }
    const isFree = (row: DatabaseRecord) => row.state !== 'Succeeded' && row.claim?.owner !== owner;
    for (const { database, generation } of rows.filter(isFree).sort((a, b) => a.order - b.order)) {
      let isTaken = false;
      await env.stores.databases.update(ref.id, database, (row) => {
        isTaken = isFree(row);
        return isTaken ? { record: { ...row, claim: { owner, lane, sequence } } } : undefined;
      });
      if (isTaken) return { database, isFresh: generation === 0, online };
    }
    return { database: null };
  },
  // A database that is canceled alone, or all of them, still get their end from their own flow.
  { evenWhenCanceled: true },
);
