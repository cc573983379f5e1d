import type { OutboxMessage } from '../contracts/names.ts';
import type { DestinationName, OutboxEntry, Stores } from '../state/storeInterfaces.ts';
import { requestDelivery } from './dispatch.ts';

/**
 * Takes the events of one row into the log: into the table with their numbers, then known to every
 * destination, then out of the row's outbox. Whatever fails in between, they come again with the
 * same ids and numbers. No destination is waited for.
 *
 * @returns How many there were.
 */
export function publishOutbox(
  stores: Stores,
  destinations: readonly DestinationName[],
  message: OutboxMessage,
): Promise<number> {
  const migrationId = 'ref' in message ? message.ref.id : message.migrationId;
  return oneByOne(migrationId, () => publishRow(stores, destinations, message));
}

const publishing = new Map<string, Promise<unknown>>();

/**
 * Messages come in batches, and those of one migration would get in each other's way: all count its
 * events. Only a matter of speed; other processes are kept apart by the ETags.
 */
async function oneByOne<R>(migrationId: string, work: () => Promise<R>): Promise<R> {
  const before = publishing.get(migrationId) ?? Promise.resolve();
  const result = before.then(work, work);
  publishing.set(migrationId, result);
  try {
    return await result;
  } finally {
    if (publishing.get(migrationId) === result) publishing.delete(migrationId);
  }
}

async function publishRow(
  stores: Stores,
  destinations: readonly DestinationName[],
  message: OutboxMessage,
): Promise<number> {
  const { entries, migrationId, clear } = await readOutbox(stores, message);
  if (entries.length === 0) return 0;
  // What the databases said before the migration drew its conclusion gets the numbers before it.
  if ('ref' in message) {
    for await (const { database } of stores.databases.listWithOutbox(migrationId)) {
      await publishRow(stores, destinations, { migrationId, database });
    }
  }
  const last = Math.max(...(await stores.events.append(migrationId, entries)));
  await Promise.all(destinations.map((one) => stores.deliveries.note(migrationId, one, last)));
  await clear(entries.map((entry) => entry.id));
  for (const { id } of destinations) {
    await requestDelivery(stores, { migrationId, destination: id });
  }
  return entries.length;
}

interface RowOutbox {
  entries: OutboxEntry[];
  migrationId: string;
  clear: (ids: string[]) => Promise<void>;
}

async function readOutbox(stores: Stores, message: OutboxMessage): Promise<RowOutbox> {
  if ('ref' in message) {
    const { ref } = message;
    return {
      entries: await stores.migrations.outbox(ref),
      migrationId: ref.id,
      clear: (ids) => stores.migrations.clearOutbox(ref, ids),
    };
  }
  const { migrationId, database } = message;
  return {
    entries: await stores.databases.outbox(migrationId, database),
    migrationId,
    clear: (ids) => stores.databases.clearOutbox(migrationId, database, ids),
  };
}

/** Publishes every row whose message was lost; one that fails does not keep the others back. */
export async function sweepOutboxes(
  stores: Stores,
  destinations: readonly DestinationName[],
): Promise<void> {
  const failures: unknown[] = [];
  const publish = (message: OutboxMessage) =>
    publishOutbox(stores, destinations, message).catch((error: unknown) => failures.push(error));
  for await (const record of stores.migrations.listEverywhere({ hasOutbox: true })) {
    await publish({ ref: record.ref });
  }
  for await (const record of stores.databases.listWithOutbox()) {
    await publish({ migrationId: record.migrationId, database: record.database });
  }
  if (failures.length > 0) throw failures[0];
}
