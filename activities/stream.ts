import type { StreamWait } from '../shared/contracts/activities.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import { changeOrTime } from '../shared/state/changeNotice.ts';
import { slotNameOf } from '../shared/wal/slot.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { releaseReplication } from './steps/releaseReplication.ts';
import { judge } from './steps/streamRow.ts';
import { wantReplication } from './steps/wantReplication.ts';

/** Asks the replicator for the stream of this generation. Idempotent. */
defineActivity('requestStream', async (input, env) => {
  const { ref, database, generation, instanceId } = input;
  const { run } = env.record;
  const slot = slotNameOf(ref.id, database);
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: { ...row, generation, operation: 'Creating the replication slot' },
  }));
  await wantReplication(env, {
    database,
    // What the cutover of an earlier run asked for is void.
    desired: { phase: 'stream', generation, run, slot },
    waitingInstanceId: instanceId,
  });
  return null;
});

/** Waiting here saves a queue's polling interval; longer waits are the orchestrator's. */
const WAIT_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Waits a moment for the stream to reach a stage. Reads only. */
defineActivity('waitStream', async (input, env): Promise<StreamWait> => {
  const { ref, database, generation, stage } = input;
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    env.signal.throwIfAborted();
    const row = await env.stores.replications.get(ref.id, database);
    const wait = row === undefined ? { next: 'wait' as const } : judge(row, generation, stage);
    if (wait.next !== 'wait' || Date.now() >= deadline) return wait;
    await changeOrTime(ref.id, LOOK_EVERY_MS);
  }
});

/** How long the replicator may take to let go of the slot. */
const STOP_WAIT_MS = 30_000;

/** Ends the stream and waits until the slot is gone. Idempotent. */
defineActivity('stopStream', async ({ ref, database }, env) => {
  await releaseReplication(env.stores, ref, database);
  const deadline = Date.now() + STOP_WAIT_MS;
  for (;;) {
    const row = await env.stores.replications.get(ref.id, database);
    if (row === undefined || row.observed.phase === 'released') return null;
    if (Date.now() >= deadline) {
      throw new MigrationError(
        'lockTimeout',
        `${database}: the replicator did not let go of the slot. Is it running?`,
      );
    }
    await changeOrTime(ref.id, LOOK_EVERY_MS);
  }
});
