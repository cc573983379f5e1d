import { setTimeout as sleep } from 'node:timers/promises';
import { defineActivity } from './steps/defineActivity.ts';
import { wantReplication } from './steps/wantReplication.ts';

/**
 * Asks the replicator for an exported snapshot. Idempotent: the wish is written as it is, and the
 * same generation asked for twice is one wish.
 */
defineActivity('requestSnapshot', async (input, env) => {
  const { ref, database, generation, instanceId } = input;
  const { includeTables: include, excludeTables: exclude } = env.record.spec;
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: { ...row, generation, operation: 'Taking a snapshot of the source' },
  }));
  await wantReplication(env, {
    database,
    desired: { phase: 'holdSnapshot', generation, include, exclude },
    waitingInstanceId: instanceId,
  });
  return null;
});

/** A snapshot usually takes a fraction of a second: waiting here saves a queue's polling interval. */
const WAIT_MS = 8_000;
const LOOK_EVERY_MS = 40;

/** What the replicator observed; waits a moment for what concerns this generation. Reads only. */
defineActivity('readReplication', async ({ ref, database, generation }, env) => {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const row = await env.stores.replications.get(ref.id, database);
    const observed = row?.observed ?? { phase: 'none' };
    const isDecided = 'generation' in observed && observed.generation === generation;
    if (isDecided || Date.now() >= deadline || env.signal.aborted) return observed;
    await sleep(LOOK_EVERY_MS);
  }
});
