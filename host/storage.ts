/** The storage account of the host: its connection string, its clients, and patience with it. */
import { setTimeout as delay } from 'node:timers/promises';
import { TableClient } from '@azure/data-tables';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import type { QueueClient } from '@azure/storage-queue';

export interface Storage {
  readonly connectionString: string;
  table(name: string): TableClient;
  container(name: string): Promise<ContainerClient>;
  queue(name: string): Promise<QueueClient>;
}

const DEVELOPMENT_STORAGE =
  'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;' +
  'AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;' +
  'BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;' +
  'QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;' +
  'TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;';

// The host retries by itself, with its own patience: the clients' would only hide the wait.
const CLIENT_RETRIES = { maxRetries: 0 };
const FIRST_DELAY_MS = 20;
const LONGEST_DELAY_MS = 1_000;

export function openStorage(connection: string): Storage {
  const connectionString = /UseDevelopmentStorage=true/i.test(connection)
    ? DEVELOPMENT_STORAGE
    : connection;
  const tables = new Map<string, TableClient>();
  let blobs: BlobServiceClient | undefined;
  return {
    connectionString,
    table(name) {
      let client = tables.get(name);
      if (!client) {
        client = TableClient.fromConnectionString(connectionString, name, {
          allowInsecureConnection: true,
          retryOptions: CLIENT_RETRIES,
        });
        tables.set(name, client);
      }
      return client;
    },
    // Blobs and queues are loaded when they are needed: loading them costs a tenth of a second.
    async container(name) {
      const { BlobServiceClient: Client } = await import('@azure/storage-blob');
      blobs ??= Client.fromConnectionString(connectionString, {
        retryOptions: { maxTries: 1 },
      });
      return blobs.getContainerClient(name);
    },
    async queue(name) {
      const { QueueServiceClient } = await import('@azure/storage-queue');
      return QueueServiceClient.fromConnectionString(connectionString, {
        retryOptions: { maxTries: 1 },
      }).getQueueClient(name);
    },
  };
}

/** Status of a storage error; undefined when no answer came. */
export function storageStatus(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' ? status : undefined;
}

export function isNotFound(error: unknown): boolean {
  return storageStatus(error) === 404;
}

export function isConflict(error: unknown): boolean {
  return storageStatus(error) === 409;
}

/** No answer, too busy, or the server's own fault: the same request may succeed later. */
export function isTransientStorageError(error: unknown): boolean {
  const status = storageStatus(error);
  if (status === undefined) return typeof (error as { code?: unknown }).code === 'string';
  return status === 408 || status === 429 || status >= 500;
}

export interface PatienceOptions {
  /** Ends the waiting; the last error is thrown. */
  signal?: AbortSignal | undefined;
  onRetry?: (error: unknown) => void;
}

/** Repeats an idempotent request until storage answers, however long that takes. */
export async function withPatience<T>(
  request: () => Promise<T>,
  options: PatienceOptions = {},
): Promise<T> {
  for (let waitMs = FIRST_DELAY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_DELAY_MS)) {
    try {
      return await request();
    } catch (error) {
      if (!isTransientStorageError(error) || options.signal?.aborted === true) throw error;
      options.onRetry?.(error);
      await delay(waitMs);
    }
  }
}
