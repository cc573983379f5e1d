import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import type { QueueClient } from '@azure/storage-queue';
import type { TokenCredential } from '@azure/identity';
import type { Settings } from '../config/settings.ts';
import { QUEUES } from '../contracts/names.ts';
import type { QueueName } from '../contracts/names.ts';
import type { RuntimeId } from '../contracts/runtimes.ts';
import { queueNameOf } from './storageNames.ts';

/** The tables. `Tables` itself is a name that the service reserves. */
const TABLES = {
  migrations: 'Migrations',
  databases: 'Databases',
  tables: 'CopiedTables',
  validations: 'Validations',
  replications: 'Replications',
  copyWork: 'CopyWork',
  events: 'Events',
  samples: 'Samples',
  marks: 'ChangeMarks',
  deliveries: 'Deliveries',
  runtimes: 'Runtimes',
} as const;

export type TableKind = keyof typeof TABLES;

/** Clients of the storage account, made on first use: their packages take a tenth of a second. */
export interface Clients {
  table(kind: TableKind): Promise<TableClient>;
  container(): Promise<ContainerClient>;
  /** `runtime`: of that deployment; default this one's. */
  queue(name: QueueName, of?: { runtime: RuntimeId }): Promise<QueueClient>;
  /** Creates what is missing, in parallel and once; a failure is tried again by the next call. */
  ensure(): Promise<void>;
}

export function openClients(settings: Settings): Clients {
  const { storage, tablePrefix, runtime } = settings;
  const containerName = tablePrefix === '' ? 'pgmove' : `${tablePrefix.toLowerCase()}-pgmove`;
  const memo = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, make: () => Promise<T>): Promise<T> => {
    const known = memo.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = make().catch((error: unknown) => {
      memo.delete(key);
      throw error;
    });
    memo.set(key, made);
    return made;
  };
  const credential = () => once('credential', makeCredential);
  const endpoint = (service: string): string =>
    storage.kind === 'identity' ? `https://${storage.accountName}.${service}.core.windows.net` : '';
  const allowInsecureConnection =
    storage.kind === 'connectionString' &&
    !/^DefaultEndpointsProtocol=https/i.test(storage.connectionString);

  const clients: Clients = {
    table: (kind) =>
      once(`table ${kind}`, async () => {
        const { TableClient } = await import('@azure/data-tables');
        const name = `${tablePrefix}${TABLES[kind]}`;
        return storage.kind === 'connectionString'
          ? TableClient.fromConnectionString(storage.connectionString, name, {
              allowInsecureConnection,
            })
          : new TableClient(endpoint('table'), name, await credential());
      }),
    container: () =>
      once('container', async () => {
        const { BlobServiceClient } = await import('@azure/storage-blob');
        const service =
          storage.kind === 'connectionString'
            ? BlobServiceClient.fromConnectionString(storage.connectionString)
            : new BlobServiceClient(endpoint('blob'), await credential());
        return service.getContainerClient(containerName);
      }),
    queue: (name, of = { runtime }) =>
      once(`queue ${queueNameOf(name, tablePrefix, of.runtime)}`, async () => {
        const { QueueServiceClient } = await import('@azure/storage-queue');
        const service =
          storage.kind === 'connectionString'
            ? QueueServiceClient.fromConnectionString(storage.connectionString)
            : new QueueServiceClient(endpoint('queue'), await credential());
        return service.getQueueClient(queueNameOf(name, tablePrefix, of.runtime));
      }),
    ensure: () =>
      once('ensure', async () => {
        await Promise.all([
          ...(Object.keys(TABLES) as TableKind[]).map(async (kind) =>
            (await clients.table(kind)).createTable(),
          ),
          ...Object.values(QUEUES).map(async (name) =>
            (await clients.queue(name)).createIfNotExists(),
          ),
          clients.container().then((container) => container.createIfNotExists()),
        ]);
      }),
  };
  return clients;
}

async function makeCredential(): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}
