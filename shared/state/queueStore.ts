import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import type { Clients } from './clients.ts';
import { isOthersMessage } from './statusCodes.ts';
import type { QueueMessage, QueueStore } from './storeInterfaces.ts';

/** Messages are base64, as the queue trigger expects them. */
export function openQueueStore(clients: Clients): QueueStore {
  return {
    send: async (queue, text, options = {}) => {
      const { isKept = false, delaySeconds = 0 } = options;
      const of = 'runtime' in options ? { runtime: options.runtime } : undefined;
      const client = await clients.queue(queue, of);
      await client.sendMessage(Buffer.from(text, 'utf8').toString('base64'), {
        visibilityTimeout: delaySeconds,
        ...(isKept ? { messageTimeToLive: -1 } : {}),
      });
    },

    receive: async (queue, options = {}) => {
      const client = await clients.queue(queue);
      const answer = await client.receiveMessages({
        numberOfMessages: options.max ?? 1,
        visibilityTimeout: options.visibilitySeconds ?? 30,
        abortSignal: options.signal,
      });
      return answer.receivedMessageItems.map((item) => messageOf(client, item));
    },
  };
}

function messageOf(client: QueueClient, item: DequeuedMessageItem): QueueMessage {
  const { messageId, messageText } = item;
  let { popReceipt } = item;
  /** False when somebody else has it, or it is deleted. */
  const unlessOthers = async (work: Promise<unknown>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      if (isOthersMessage(error)) return false;
      throw error;
    }
  };
  return {
    text: Buffer.from(messageText, 'base64').toString('utf8'),
    dequeueCount: item.dequeueCount,
    delete: async () => {
      await unlessOthers(client.deleteMessage(messageId, popReceipt));
    },
    hide: (seconds) =>
      unlessOthers(
        client.updateMessage(messageId, popReceipt, messageText, seconds).then((updated) => {
          popReceipt = updated.popReceipt ?? popReceipt;
        }),
      ),
  };
}
