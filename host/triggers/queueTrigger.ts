/** Queue triggers: poll, run, delete; hidden while it runs, poisoned after too many failures. */
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import type { RegisteredFunction, TypedData } from '../core.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { Logger } from '../log.ts';
import { resolvePlaceholders } from '../settings.ts';
import type { HostSettings, QueueSettings } from '../settings.ts';
import { isNotFound } from '../storage.ts';
import type { Storage } from '../storage.ts';

export interface QueueListener {
  /** Takes no new messages; resolves when those that run are done. */
  stop(): Promise<void>;
}

export interface QueueOptions {
  storage: Storage;
  settings: HostSettings;
  invoker: Invoker;
  logger: Logger;
  /**
   * A message is hidden this long and renewed while it runs: a dead host's comes back soon. Default
   * 30 seconds.
   */
  hiddenSeconds?: number;
}

const SHORTEST_POLL_MS = 100;
const HIDDEN_SECONDS = 30;
/** Two renewals may fail before a message comes back. */
const RENEWALS_PER_HIDING = 3;
const LARGEST_BATCH = 32;

export async function listenToQueue(
  options: QueueOptions,
  fn: RegisteredFunction,
): Promise<QueueListener> {
  const name = resolvePlaceholders(String(fn.trigger['queueName']), (key) =>
    options.settings.setting(key),
  );
  const queue = await options.storage.queue(name);
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const poll = pollQueue(options, fn, queue, stopping.signal, running);
  return {
    async stop() {
      stopping.abort();
      await poll;
      await Promise.allSettled(running);
    },
  };
}

async function pollQueue(
  options: QueueOptions,
  fn: RegisteredFunction,
  queue: QueueClient,
  signal: AbortSignal,
  running: Set<Promise<void>>,
): Promise<void> {
  const { queues } = options.settings;
  let waitMs = SHORTEST_POLL_MS;
  while (!signal.aborted) {
    const messages = await receive(options, queue, queues.batchSize, signal);
    for (const message of messages) {
      const work = handleMessage(options, fn, queue, message).finally(() => running.delete(work));
      running.add(work);
    }
    if (messages.length > 0) {
      waitMs = SHORTEST_POLL_MS;
      // The next batch is fetched when so many of this one are done.
      while (running.size > queues.newBatchThreshold) await Promise.race(running);
      continue;
    }
    await pause(waitMs, signal);
    waitMs = Math.min(waitMs * 2, Math.max(queues.maxPollingIntervalMs, SHORTEST_POLL_MS));
  }
}

async function receive(
  options: QueueOptions,
  queue: QueueClient,
  batchSize: number,
  signal: AbortSignal,
): Promise<DequeuedMessageItem[]> {
  try {
    const response = await queue.receiveMessages({
      numberOfMessages: Math.min(Math.max(batchSize, 1), LARGEST_BATCH),
      visibilityTimeout: options.hiddenSeconds ?? HIDDEN_SECONDS,
      abortSignal: signal,
    });
    return response.receivedMessageItems;
  } catch (error) {
    // A queue that is not there yet is an empty one.
    if (!isNotFound(error) && !signal.aborted) {
      options.logger.write('debug', 'queue', `${queue.name}: ${errorText(error)}`);
    }
    return [];
  }
}

async function handleMessage(
  options: QueueOptions,
  fn: RegisteredFunction,
  queue: QueueClient,
  message: DequeuedMessageItem,
): Promise<void> {
  const { queues } = options.settings;
  const lease = renewWhileRunning(options, queue, message);
  let failure: unknown;
  try {
    await options.invoker.invoke(fn, {
      trigger: { string: messageText(message, queues) },
      triggerMetadata: describeMessage(message, queues),
    });
  } catch (error) {
    failure = error ?? new Error('The function failed.');
  }
  const receipt = await lease.end();
  try {
    if (failure === undefined) {
      await queue.deleteMessage(message.messageId, receipt);
      return;
    }
    options.logger.write('error', fn.name, `failed: ${errorText(failure)}`);
    if (message.dequeueCount >= queues.maxDequeueCount) {
      await poison(options, queue, message, receipt);
      return;
    }
    const seconds = Math.round(queues.visibilityTimeoutMs / 1000);
    await queue.updateMessage(message.messageId, receipt, message.messageText, seconds);
  } catch (error) {
    // It becomes visible again and is delivered once more: functions are run at least once.
    options.logger.write('warning', fn.name, `message ${message.messageId}: ${errorText(error)}`);
  }
}

async function poison(
  options: QueueOptions,
  queue: QueueClient,
  message: DequeuedMessageItem,
  receipt: string,
): Promise<void> {
  const target = await options.storage.queue(`${queue.name}-poison`);
  await target.createIfNotExists();
  await target.sendMessage(message.messageText);
  await queue.deleteMessage(message.messageId, receipt);
  options.logger.write(
    'warning',
    queue.name,
    `message ${message.messageId} moved to ${target.name} after ${message.dequeueCount} attempts`,
  );
}

function renewWhileRunning(
  options: QueueOptions,
  queue: QueueClient,
  message: DequeuedMessageItem,
): { end(): Promise<string> } {
  let receipt = message.popReceipt;
  let renewal: Promise<void> = Promise.resolve();
  const hiddenSeconds = options.hiddenSeconds ?? HIDDEN_SECONDS;
  const timer = setInterval(
    () => {
      renewal = renewal.then(async () => {
        try {
          const renewed = await queue.updateMessage(
            message.messageId,
            receipt,
            message.messageText,
            hiddenSeconds,
          );
          receipt = renewed.popReceipt ?? receipt;
        } catch (error) {
          options.logger.write('warning', queue.name, `renewal failed: ${errorText(error)}`);
        }
      });
    },
    (hiddenSeconds * 1000) / RENEWALS_PER_HIDING,
  );
  return {
    async end() {
      clearInterval(timer);
      await renewal;
      return receipt;
    },
  };
}

function messageText(message: DequeuedMessageItem, queues: QueueSettings): string {
  return queues.base64
    ? Buffer.from(message.messageText, 'base64').toString('utf8')
    : message.messageText;
}

function describeMessage(
  message: DequeuedMessageItem,
  queues: QueueSettings,
): Record<string, TypedData> {
  const json = (value: unknown): TypedData => ({ json: JSON.stringify(value) });
  return {
    QueueTrigger: { string: messageText(message, queues) },
    DequeueCount: json(message.dequeueCount),
    ExpirationTime: json(message.expiresOn),
    Id: json(message.messageId),
    InsertionTime: json(message.insertedOn),
    NextVisibleTime: json(message.nextVisibleOn),
    PopReceipt: json(message.popReceipt),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
