import type { QueueName } from '../../shared/contracts/names.ts';
import { runtimeIdOf } from '../../shared/contracts/runtimes.ts';
import { queueNameOf } from '../../shared/state/storageNames.ts';

// Settings are checked by the first function that runs: a module that throws would take all
// functions away, and with them the answer that says what is wrong.
const { PGMOVE_TABLE_PREFIX: prefix = '', PGMOVE_RUNTIME: group = '' } = process.env;

/** The deployment without a name; it alone publishes events. */
export const isFront = group === '';

/** The name of one of this deployment's queues, for its triggers. */
export function queueName(name: QueueName): string {
  return queueNameOf(name, prefix, isFront ? undefined : runtimeIdOf(group));
}
