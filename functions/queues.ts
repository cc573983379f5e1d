import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { EVENTS, QUEUES } from '../shared/contracts/names.ts';
import type { QueueName } from '../shared/contracts/names.ts';
import { dispatch } from '../shared/notifications/dispatch.ts';
import { publishOutbox } from '../shared/notifications/publisher.ts';
import { runtime } from '../shared/state/runtime.ts';
import { queueNameOf } from '../shared/state/storageNames.ts';
import { dispatcher } from './durable/dispatcher.ts';
import { raise } from './durable/instances.ts';
import {
  readDeliveryMessage,
  readOutboxMessage,
  readReplicationStatus,
} from './durable/messages.ts';

const CONNECTION = 'AzureWebJobsStorage';

// Settings are checked by the first function that runs: a module that throws would take all
// functions away, and with them the answer that says what is wrong.
const queueName = (name: QueueName) => queueNameOf(name, process.env.PGMOVE_TABLE_PREFIX ?? '');

app.storageQueue('publishOutbox', {
  queueName: queueName(QUEUES.outbox),
  connection: CONNECTION,
  handler: async (entry, context) => {
    const message = readOutboxMessage(entry);
    const opened = await runtime();
    await publishOutbox(opened.stores, dispatcher(opened, context).destinations, message);
  },
});

app.storageQueue('deliverEvents', {
  queueName: queueName(QUEUES.eventDeliveries),
  connection: CONNECTION,
  handler: async (entry, context) => {
    const message = readDeliveryMessage(entry);
    await dispatch(dispatcher(await runtime(), context), message);
  },
});

app.storageQueue('replicationStatus', {
  queueName: queueName(QUEUES.replicationStatus),
  connection: CONNECTION,
  extraInputs: [df.input.durableClient()],
  handler: async (entry, context) => {
    const { instanceId } = readReplicationStatus(entry);
    // Nobody waits where there is no such instance, or where it has ended.
    await raise(df.getClient(context), instanceId, EVENTS.replication);
  },
});
