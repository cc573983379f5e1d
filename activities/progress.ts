import { defineActivity } from './steps/defineActivity.ts';

/**
 * Writes what the database's orchestrator counted: it is the one writer of these numbers, and they
 * are absolute, so that writing them twice changes nothing.
 */
defineActivity('recordProgress', async ({ ref, database, counters }, env) => {
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: {
      ...row,
      queuedTables: Math.max(0, counters.queuedTables - counters.loadingTables),
      loadingTables: counters.loadingTables,
      completedTables: counters.completedTables,
      erroredTables: counters.erroredTables,
      rowsCopied: counters.rowsCopied,
      bytesCopied: counters.bytesCopied,
    },
  }));
  return null;
});
