import { QUEUES } from '../contracts/names.ts';
import type { OutboxMessage } from '../contracts/names.ts';
import type { QueueStore } from './storeInterfaces.ts';

/** Tells the publisher at once. A message that cannot be sent costs time only: a timer sweeps. */
export async function noticeOutbox(queues: QueueStore, message: OutboxMessage): Promise<void> {
  await queues.send(QUEUES.outbox, JSON.stringify(message)).catch(() => undefined);
}
