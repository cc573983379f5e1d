import type { Clients } from './clients.ts';
import { isMissing } from './statusCodes.ts';
import type { QueueStore } from './storeInterfaces.ts';

/** Messages are base64, as the queue trigger expects them. */
export function openQueueStore(clients: Clients): QueueStore {
  return {
    send: async (queue, text) => {
      const client = await clients.queue(queue);
      await client.sendMessage(Buffer.from(text, 'utf8').toString('base64'));
    },

    receive: async (queue, options = {}) => {
      const client = await clients.queue(queue);
      const answer = await client.receiveMessages({
        numberOfMessages: options.max ?? 1,
        visibilityTimeout: options.visibilitySeconds ?? 30,
        abortSignal: options.signal,
      });
      return answer.receivedMessageItems.map((item) => ({
        text: Buffer.from(item.messageText, 'base64').toString('utf8'),
        dequeueCount: item.dequeueCount,
        delete: async () => {
          try {
            await client.deleteMessage(item.messageId, item.popReceipt);
          } catch (error) {
            // It became visible again and somebody else has it, or it is deleted: both are fine.
            if (!isMissing(error)) throw error;
          }
        },
      }));
    },
  };
}
