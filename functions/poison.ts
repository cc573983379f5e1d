import { app } from '@azure/functions';
import type { InvocationContext } from '@azure/functions';
import { QUEUES } from '../shared/contracts/names.ts';
import type { QueueName } from '../shared/contracts/names.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import { runtime } from '../shared/state/runtime.ts';
import { callLog } from '../shared/telemetry/log.ts';
import { isFront, queueName } from './durable/deployment.ts';
import { migrationIdOf } from './durable/messages.ts';

/**
 * Messages that failed too often come here, and never go on failing: what they were about is in the
 * rows, and timers look at those. It is said in the log, and beside the migration's events.
 */
async function noteGivenUp(
  queue: QueueName,
  entry: unknown,
  context: InvocationContext,
): Promise<void> {
  const migrationId = migrationIdOf(entry);
  const log = callLog(context);
  log.error('queue message given up', { queue, migrationId });
  if (migrationId === undefined) return;
  try {
    const { stores } = await runtime();
    await stores.events.noteProblem(migrationId, queue, new Date().toISOString());
  } catch (error) {
    log.error('not noted', { queue, migrationId, error: messageOf(error) });
  }
}

const queues = [
  QUEUES.replicationStatus,
  QUEUES.runtimeCommands,
  ...(isFront ? [QUEUES.outbox, QUEUES.eventDeliveries] : []),
];

for (const queue of queues) {
  app.storageQueue(`${queue}-poison`, {
    queueName: `${queueName(queue)}-poison`,
    connection: 'AzureWebJobsStorage',
    handler: (entry, context) => noteGivenUp(queue, entry, context),
  });
}
