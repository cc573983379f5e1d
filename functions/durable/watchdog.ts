import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { RuntimeId } from '../../shared/contracts/runtimes.ts';
import { isDatabaseEnded, isEnded } from '../../shared/contracts/status.ts';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import type { SecretStore } from '../../shared/secrets/secretStore.ts';
import type { Stores } from '../../shared/state/stores.ts';
import { ensureInstance, ensurePurge, instanceState } from './instances.ts';
import type { Instances } from './instances.ts';

/** A row so young may be about to get its instance from the request that wrote it. */
const GRACE_MS = 15_000;
const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Starts the instances of rows that have none, and ends rows whose instance has ended without
 * saying so: nothing would move them any more.
 *
 * @returns The failures; one migration's does not keep the others back.
 */
export async function watchMigrations(
  stores: Stores,
  client: Instances,
  now: Date,
  runtime?: RuntimeId,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  const youngest = new Date(now.getTime() - GRACE_MS).toISOString();
  for await (const record of stores.migrations.listEverywhere({ ended: false })) {
    // Only the deployment that carries a migration can see its instance.
    if (record.runtime !== runtime || record.lastModifiedOn > youngest) continue;
    await watchOne(stores, client, record, now).catch((error: unknown) => failures.push(error));
  }
  return failures;
}

async function watchOne(
  stores: Stores,
  client: Instances,
  record: MigrationRecord,
  now: Date,
): Promise<void> {
  const instance = await instanceState(client, record.instanceId);
  if (instance.kind === 'running') return;
  if (instance.kind === 'missing') {
    await ensureInstance(client, record);
    return;
  }
  await failAbandoned(stores, record, instance.reason, now.toISOString());
}

/** The instance writes the row before it ends: a row read after that and still open is abandoned. */
async function failAbandoned(
  stores: Stores,
  record: MigrationRecord,
  reason: string,
  now: string,
): Promise<void> {
  const error = `The orchestration of the migration has ended (${reason}) before the migration had. Resume it; copied tables are kept.`;
  const updated = await stores.migrations.update(record.ref, (current) =>
    isEnded(current.status) || current.instanceId !== record.instanceId
      ? undefined
      : transitionMigration(current, { state: 'Failed', subState: 'Completed', error }, now, {
          errorCode: 'abandoned',
        }),
  );
  if (updated.status.state !== 'Failed' || updated.instanceId !== record.instanceId) return;
  for (const { database } of await stores.databases.list(record.ref.id)) {
    await stores.databases.update(record.ref.id, database, (current) =>
      isDatabaseEnded(current.state)
        ? undefined
        : transitionDatabase(record.ref, current, 'Failed', now, {
            message: error,
            errorCode: 'abandoned',
          }),
    );
  }
}

/** Purges what ended more than the retention time ago. */
export async function purgeExpired(
  stores: Stores,
  client: Instances,
  now: Date,
  retentionDays: number,
  runtime?: RuntimeId,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  const endedBefore = new Date(now.getTime() - retentionDays * DAY_MS).toISOString();
  for await (const record of stores.migrations.listEverywhere({ endedBefore })) {
    if (record.runtime !== runtime) continue;
    await ensurePurge(client, record).catch((error: unknown) => failures.push(error));
  }
  return failures;
}

/**
 * Deletes secrets that no migration names: a PUT that died before it wrote its row has left them.
 * They are listed before the rows, and young ones may be about to get theirs.
 */
export async function sweepSecrets(
  stores: Stores,
  secrets: SecretStore,
  now: Date,
): Promise<unknown[]> {
  const orphans = new Set<string>();
  for await (const { id, changedOn } of secrets.list()) {
    if (now.getTime() - changedOn.getTime() > HOUR_MS) orphans.add(id);
  }
  if (orphans.size === 0) return [];
  for await (const record of stores.migrations.listEverywhere()) orphans.delete(record.secretId);
  const failures: unknown[] = [];
  for (const id of orphans) {
    await secrets.delete(id).catch((error: unknown) => failures.push(error));
  }
  return failures;
}
