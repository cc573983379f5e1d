import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { EVENTS, QUEUES } from '../shared/contracts/names.ts';
import { dispatch } from '../shared/notifications/dispatch.ts';
import { publishOutbox } from '../shared/notifications/publisher.ts';
import { runtime } from '../shared/state/runtime.ts';
import { isFront, queueName } from './durable/deployment.ts';
import { dispatcher } from './durable/dispatcher.ts';
import { raise } from './durable/instances.ts';
import {
  readDeliveryMessage,
  readOutboxMessage,
  readReplicationStatus,
} from './durable/messages.ts';

const CONNECTION = 'AzureWebJobsStorage';

// Events are published by one deployment.
if (isFront) {
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
}

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
