import type { QueueName } from '../contracts/names.ts';

/** The queue's name in the account; the triggers use it as well. */
export function queueNameOf(name: QueueName, tablePrefix: string): string {
  return tablePrefix === '' ? name : `${tablePrefix.toLowerCase()}-${name}`;
}
