import { QUEUES } from '../shared/contracts/names.ts';
import type { ReplicationRecord } from '../shared/contracts/records.ts';
import { defineActivity } from './steps/defineActivity.ts';

/**
 * Asks the replicator for an exported snapshot. Idempotent: the wish is written as it is, and the
 * same generation asked for twice is one wish.
 */
defineActivity('requestSnapshot', async (input, env) => {
  const { ref, database, generation, instanceId } = input;
  const { includeTables: include, excludeTables: exclude } = env.record.spec;
  const desired = { phase: 'holdSnapshot', generation, include, exclude } as const;
  const known = await env.stores.replications.get(ref.id, database);
  if (known === undefined) {
    const fresh: ReplicationRecord = {
      ref,
      database,
      desired,
      observed: { phase: 'none' },
      waitingInstanceId: instanceId,
    };
    await env.stores.replications.put(fresh);
  } else {
    await env.stores.replications.update(ref.id, database, (row) => ({
      ...row,
      desired,
      waitingInstanceId: instanceId,
    }));
  }
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: { ...row, generation, operation: 'Taking a snapshot of the source' },
  }));
  await env.stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id: ref.id, database }));
  return null;
});

defineActivity('readReplication', async ({ ref, database }, env) => {
  const row = await env.stores.replications.get(ref.id, database);
  return row?.observed ?? { phase: 'none' };
});
