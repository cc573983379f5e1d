import { QueueClient } from '@azure/storage-queue';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RegisteredFunction } from '../../host/core.ts';
import { openStorage } from '../../host/storage.ts';
import { listenToQueue } from '../../host/triggers/queueTrigger.ts';
import type { QueueOptions } from '../../host/triggers/queueTrigger.ts';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { until } from './hostProcess.ts';

let azurite: RunningAzurite;

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

const HIDDEN_SECONDS = 1;

const settings = {
  setting: () => undefined,
  queues: {
    maxPollingIntervalMs: 100,
    visibilityTimeoutMs: 0,
    batchSize: 4,
    newBatchThreshold: 4,
    maxDequeueCount: 5,
    base64: false,
  },
} as unknown as QueueOptions['settings'];

/** A function of the queue `name` whose runs end when the test says so. */
async function slowFunction(name: string) {
  const queue = new QueueClient(azurite.connectionString, name);
  await queue.create();
  const runs: { end(): void }[] = [];
  const storage = openStorage(azurite.connectionString);
  const renewals: Date[] = [];
  const counting: QueueOptions['storage'] = {
    ...storage,
    queue: async (wanted) => {
      const client = await storage.queue(wanted);
      const update = client.updateMessage.bind(client);
      client.updateMessage = async (...args) => {
        const answer = await update(...args);
        renewals.push(answer.nextVisibleOn ?? new Date(0));
        return answer;
      };
      return client;
    },
  };
  const options = {
    storage: counting,
    settings,
    hiddenSeconds: HIDDEN_SECONDS,
    logger: { write: () => undefined } as unknown as QueueOptions['logger'],
    invoker: {
      invoke: () =>
        new Promise((resolve) =>
          runs.push({ end: () => resolve({ result: undefined, outputs: [] }) }),
        ),
    } as unknown as QueueOptions['invoker'],
  };
  const fn = { name, trigger: { type: 'queueTrigger', queueName: name } };
  const listen = () => listenToQueue(options, fn as unknown as RegisteredFunction);
  return { queue, runs, renewals, listen };
}

test('a message stays hidden as long as its function runs, and is deleted after', async () => {
  const { queue, runs, renewals, listen } = await slowFunction('renewed');
  const listener = await listen();
  const sent = await queue.sendMessage('slow');
  await until(() => Promise.resolve(runs[0]));
  // Well past the time for which it was hidden at first.
  const past = new Date(sent.insertedOn.getTime() + 4_000 * HIDDEN_SECONDS);
  await until(async () => {
    expect((await queue.receiveMessages()).receivedMessageItems).toEqual([]);
    const hiddenUntil = renewals.at(-1);
    return hiddenUntil !== undefined && hiddenUntil > past ? true : undefined;
  });
  expect(runs).toHaveLength(1);
  runs[0]?.end();
  await until(async () => {
    const { approximateMessagesCount } = await queue.getProperties();
    return approximateMessagesCount === 0 ? true : undefined;
  });
  await listener.stop();
  expect(runs).toHaveLength(1);
});

test('a message of a listener that went away comes back', async () => {
  const { queue, runs, listen } = await slowFunction('abandoned');
  await queue.sendMessage('slow');
  // As a host does that died after it took the message.
  await queue.receiveMessages({ visibilityTimeout: HIDDEN_SECONDS });
  const listener = await listen();
  await until(() => Promise.resolve(runs[0]));
  runs[0]?.end();
  await listener.stop();
});
