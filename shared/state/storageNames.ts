import { QUEUES } from '../contracts/names.ts';
import type { QueueName } from '../contracts/names.ts';
import { runtimeKeyOf } from '../contracts/runtimes.ts';
import type { RuntimeId } from '../contracts/runtimes.ts';

/** Events are published by one deployment, the front. */
const COMMON: ReadonlySet<QueueName> = new Set([QUEUES.outbox, QUEUES.eventDeliveries]);

/** The queue's name in the account; the triggers use it as well. */
export function queueNameOf(name: QueueName, tablePrefix: string, runtime: RuntimeId): string {
  const full = tablePrefix === '' ? name : `${tablePrefix.toLowerCase()}-${name}`;
  return runtime === undefined || COMMON.has(name) ? full : `${full}-${runtimeKeyOf(runtime)}`;
}
