import { isPending } from '../contracts/deliveries.ts';
import type { DeliveryRecord } from '../contracts/deliveries.ts';
import type { DestinationName, Stores } from '../state/storeInterfaces.ts';
import type { NotificationLog } from './delivery.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A destination that does not take the events of a purged migration for so long will not do so. */
const LONGEST_DAYS = 7;

type RetirementStores = Pick<Stores, 'events' | 'deliveries'>;

/** Who gets the migration's events: only the deployment that delivers knows it from its settings. */
export async function knownDestinations(
  stores: RetirementStores,
  migrationId: string,
): Promise<DestinationName[]> {
  const rows = await stores.deliveries.list(migrationId);
  return rows.map(({ destination, name }) => ({ id: destination, name }));
}

/**
 * Forgets the events of a migration that is purged: at once when every destination has them, else
 * when the last one does.
 */
export async function retireEvents(
  stores: RetirementStores,
  migrationId: string,
  now: string,
): Promise<void> {
  const open = (await stores.deliveries.list(migrationId)).filter(isPending);
  if (open.length === 0) {
    await forget(stores, migrationId);
    return;
  }
  for (const { destination } of open) {
    await stores.deliveries.update(migrationId, destination, (row) =>
      row.retiredOn === undefined ? { ...row, retiredOn: now } : undefined,
    );
  }
}

/** Forgets them when the migration was purged and nobody waits for them, or has for too long. */
export async function dropRetired(
  scope: {
    stores: RetirementStores;
    destinations: readonly DestinationName[];
    log: NotificationLog;
    clock?: () => number;
  },
  migrationId: string,
): Promise<void> {
  const { stores, destinations, log, clock = Date.now } = scope;
  const rows = await stores.deliveries.list(migrationId);
  const [retiredOn] = rows.flatMap((row) => row.retiredOn ?? []);
  if (retiredOn === undefined) return;
  const open = await openRows(stores, destinations, migrationId);
  if (open.length > 0 && clock() - Date.parse(retiredOn) < LONGEST_DAYS * DAY_MS) return;
  for (const { name, known, done, error } of open) {
    log.error('events of a purged migration given up, not delivered', {
      destination: name,
      migration: migrationId,
      count: known - done,
      reason: error,
    });
  }
  await forget(stores, migrationId);
}

/** Of destinations that are still configured. */
async function openRows(
  stores: RetirementStores,
  destinations: readonly DestinationName[],
  migrationId: string,
): Promise<DeliveryRecord[]> {
  const ids = new Set(destinations.map(({ id }) => id));
  const rows = await stores.deliveries.list(migrationId);
  return rows.filter((row) => ids.has(row.destination) && isPending(row));
}

async function forget(stores: RetirementStores, migrationId: string): Promise<void> {
  await stores.events.deleteAll(migrationId);
  await stores.deliveries.deleteAll(migrationId);
}
