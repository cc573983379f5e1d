import { claimNextDatabase } from './steps/claimNextDatabase.ts';
import { defineActivity } from './steps/defineActivity.ts';

/**
 * Gives a lane of the migration its next database: the largest that no lane of this run has taken.
 * Idempotent: the lane counts its claims, and the same claim gets the same database.
 */
defineActivity(
  'claimDatabase',
  async ({ ref, owner, lane, sequence }, { stores, record }) => {
    const claimed = await claimNextDatabase(stores, ref.id, { owner, lane, sequence });
    if (claimed === undefined) return { database: null };
    const { database, generation } = claimed.record;
    return {
      database,
      isFresh: generation === 0,
      online: record.spec.mode === 'Online',
      openDatabases: claimed.openDatabases,
    };
  },
  // A database that is canceled alone, or all of them, still get their end from their own flow.
  { evenWhenCanceled: true },
);
