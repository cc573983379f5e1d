import { isPending } from '../contracts/deliveries.ts';
import { QUEUES } from '../contracts/names.ts';
import type { DeliveryMessage } from '../contracts/names.ts';
import type { DestinationName, Stores } from '../state/storeInterfaces.ts';
import { deliverEvents, isDue } from './delivery.ts';
import type { DeliveryResult, NotificationLog } from './delivery.ts';
import type { DeliveryGate } from './deliveryGate.ts';
import type { EventDestination } from './destination.ts';
import { dropRetired } from './retirement.ts';

export interface Dispatcher {
  stores: Stores;
  destinations: readonly EventDestination[];
  gate: DeliveryGate;
  log: NotificationLog;
  signal: AbortSignal;
  /** Milliseconds since 1970; for tests. */
  clock?: () => number;
}

/** Asks for a delivery by a message. One that cannot be sent costs time only: a timer sweeps. */
export async function requestDelivery(
  stores: Pick<Stores, 'queues'>,
  message: DeliveryMessage,
  delayMs = 0,
): Promise<void> {
  const delaySeconds = Math.ceil(delayMs / 1000);
  await stores.queues
    .send(QUEUES.eventDeliveries, JSON.stringify(message), { delaySeconds })
    .catch(() => undefined);
}

/** Works on one message: delivers, and asks for the next attempt where this one failed. */
export async function dispatch(
  dispatcher: Dispatcher,
  message: DeliveryMessage,
): Promise<DeliveryResult> {
  const { stores, gate, clock = Date.now } = dispatcher;
  const { migrationId } = message;
  const destination = dispatcher.destinations.find(({ id }) => id === message.destination);
  // One that is not configured any more gets nothing.
  if (destination === undefined) return { kind: 'nothing' };
  const waitMs = gate.enter(destination.id, migrationId, clock());
  if (waitMs > 0) {
    await putOff(dispatcher, message, waitMs);
    return { kind: 'nothing' };
  }
  let hasFailed = true;
  try {
    const result = await deliverEvents({ ...dispatcher, destination, migrationId });
    hasFailed = result.kind === 'failed';
    if (result.kind === 'failed') await requestDelivery(stores, message, result.retryInMs);
    if (result.kind === 'done') await dropRetired(dispatcher, migrationId);
    return result;
  } finally {
    gate.leave(destination.id, migrationId, hasFailed, clock());
  }
}

/** The row says when, so that no second message is sent meanwhile. */
async function putOff(
  { stores, clock = Date.now }: Dispatcher,
  message: DeliveryMessage,
  waitMs: number,
): Promise<void> {
  const { migrationId, destination } = message;
  const now = clock();
  if ((await stores.deliveries.get(migrationId, destination)) === undefined) return;
  let isPutOff = false;
  await stores.deliveries.update(migrationId, destination, (row) => {
    isPutOff = isDue(row, now);
    return isPutOff ? { ...row, nextOn: new Date(now + waitMs).toISOString() } : undefined;
  });
  if (isPutOff) await requestDelivery(stores, message, waitMs);
}

/** Asks for every delivery whose message was lost, and says what waits. */
export async function sweepDeliveries(dispatcher: Dispatcher): Promise<void> {
  const { stores, destinations, log, clock = Date.now } = dispatcher;
  const names = new Map(destinations.map((one) => [one.id, one]));
  const waiting = new Map<string, { migrations: number; events: number; reason: string }>();
  for await (const row of stores.deliveries.listOpen()) {
    const { migrationId, destination } = row;
    if (row.retiredOn !== undefined) await dropRetired(dispatcher, migrationId);
    const configured: DestinationName | undefined = names.get(destination);
    if (configured === undefined || !isPending(row)) continue;
    if (row.failures > 0) {
      const sum = waiting.get(configured.name) ?? { migrations: 0, events: 0, reason: '' };
      sum.migrations += 1;
      sum.events += row.known - row.done;
      sum.reason = row.error ?? '';
      waiting.set(configured.name, sum);
    }
    if (isDue(row, clock())) await requestDelivery(stores, { migrationId, destination });
  }
  for (const [destination, sum] of waiting) log.warn('events wait', { destination, ...sum });
}
