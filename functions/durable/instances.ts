import { OrchestrationRuntimeStatus } from 'durable-functions';
import type { DurableClient } from 'durable-functions';
import { EVENTS, ORCHESTRATORS, purgeInstanceIdOf } from '../../shared/contracts/names.ts';
import type { MigrationInput } from '../../shared/contracts/names.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** What of the durable client is used here. */
export type Instances = Pick<
  DurableClient,
  'startNew' | 'getStatus' | 'raiseEvent' | 'purgeInstanceHistory'
>;

export type InstanceState =
  | { kind: 'missing' }
  | { kind: 'running' }
  /** `reason` says how, in the words of Durable Functions. */
  | { kind: 'ended'; reason: string };

// "DurableClient error: Durable Functions extension replied with HTTP 404 response. This usually …"
const NOT_FOUND = /HTTP 404 response/;
// "No instance with ID 'x' found."
const NO_INSTANCE = /^No instance with ID/;

const ENDED: ReadonlySet<OrchestrationRuntimeStatus> = new Set([
  OrchestrationRuntimeStatus.Completed,
  OrchestrationRuntimeStatus.Failed,
  OrchestrationRuntimeStatus.Canceled,
  OrchestrationRuntimeStatus.Terminated,
]);

export async function instanceState(client: Instances, id: string): Promise<InstanceState> {
  try {
    const { runtimeStatus } = await client.getStatus(id);
    return ENDED.has(runtimeStatus)
      ? { kind: 'ended', reason: runtimeStatus }
      : { kind: 'running' };
  } catch (error) {
    if (error instanceof Error && NOT_FOUND.test(error.message)) return { kind: 'missing' };
    throw error;
  }
}

/** Starts the instance of the record's run when there is none; true when it did. */
export async function ensureInstance(client: Instances, record: MigrationRecord): Promise<boolean> {
  if ((await instanceState(client, record.instanceId)).kind !== 'missing') return false;
  const input: MigrationInput = { ref: record.ref, run: record.run };
  await client.startNew(ORCHESTRATORS.migration, { instanceId: record.instanceId, input });
  return true;
}

/** Starts the removal of an ended migration unless it runs; one that has failed starts again. */
export async function ensurePurge(client: Instances, record: MigrationRecord): Promise<void> {
  const instanceId = purgeInstanceIdOf(record.ref.id);
  if ((await instanceState(client, instanceId)).kind === 'running') return;
  const input: MigrationInput = { ref: record.ref, run: record.run };
  await client.startNew(ORCHESTRATORS.purge, { instanceId, input });
}

/** Wakes the migration. What it should do is in its row, so that a lost event costs time only. */
export async function wake(client: Instances, record: MigrationRecord): Promise<void> {
  await raise(client, record.instanceId, EVENTS.wake).catch(() => undefined);
}

const RAISED_AT_ONCE = 20;

/**
 * Wakes the orchestrations of an online migration's databases, which wait for what the replicator
 * says: what is wanted now may be for them. One that has ended, or is not there, minds nothing.
 */
export async function wakeDatabases(
  client: Instances,
  stores: Pick<Stores, 'replications'>,
  record: MigrationRecord,
): Promise<void> {
  if (record.spec.mode !== 'Online') return;
  const waiting = new Set<string>();
  for await (const row of stores.replications.list(record.ref.id)) {
    if (row.waitingInstanceId !== '') waiting.add(row.waitingInstanceId);
  }
  const ids = [...waiting];
  for (let first = 0; first < ids.length; first += RAISED_AT_ONCE) {
    const raised = ids
      .slice(first, first + RAISED_AT_ONCE)
      .map((id) => raise(client, id, EVENTS.replication).catch(() => false));
    await Promise.all(raised);
  }
}

/** False when there is no such instance, or it has ended. */
export async function raise(client: Instances, id: string, event: string): Promise<boolean> {
  try {
    // An event without a body is refused by the extension: null is the smallest one.
    await client.raiseEvent(id, event, null);
    return true;
  } catch (error) {
    if (error instanceof Error && NO_INSTANCE.test(error.message)) return false;
    throw error;
  }
}
