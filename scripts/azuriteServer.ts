/**
 * The process that `startAzurite` starts. It loads only Azurite's three servers, which takes half
 * the time of Azurite's own entry (that also loads its SQL store and its telemetry).
 */
import { enableCompileCache, createRequire } from 'node:module';
import { join } from 'node:path';
import { installJournal } from './azuriteJournal.ts';

enableCompileCache();

interface ServerArguments {
  folder?: string;
  blob?: number;
  queue?: number;
  table?: number;
}

interface AzuriteServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}

type ServerClass = new (configuration: object) => AzuriteServer;
type ConfigurationClass = new (...values: unknown[]) => object;

const HOST = '127.0.0.1';
const KEEP_ALIVE_SECONDS = 60;
const EXTENT_MEMORY_LIMIT = 2 * 1024 ** 3;

const require = createRequire(import.meta.url);

function load<T>(name: string): T {
  return (require(`azurite/dist/src/${name}`) as { default: T }).default;
}

function createServers(options: ServerArguments): AzuriteServer[] {
  const inMemory = options.folder === undefined;
  const file = (name: string): string => join(options.folder ?? '.', name);
  const extents = (name: string): object[] => [
    { locationId: 'Default', locationPath: file(name), maxConcurrency: 5 },
  ];
  // The tail that the three configurations share: no access log, no debug log, loose (unknown
  // headers are ignored), no check of the api version, no TLS, no OAuth, path-style addresses.
  const common = [undefined, false, undefined, true, true, '', '', '', undefined, true, inMemory];
  const BlobServer = load<ServerClass>('blob/BlobServer');
  const BlobConfiguration = load<ConfigurationClass>('blob/BlobConfiguration');
  const QueueServer = load<ServerClass>('queue/QueueServer');
  const QueueConfiguration = load<ConfigurationClass>('queue/QueueConfiguration');
  const TableServer = load<ServerClass>('table/TableServer');
  const TableConfiguration = load<ConfigurationClass>('table/TableConfiguration');
  return [
    new BlobServer(
      new BlobConfiguration(
        HOST,
        options.blob ?? 0,
        KEEP_ALIVE_SECONDS,
        file('blobs.json'),
        file('blobExtents.json'),
        extents('blobs'),
        false,
        ...common,
      ),
    ),
    new QueueServer(
      new QueueConfiguration(
        HOST,
        options.queue ?? 0,
        KEEP_ALIVE_SECONDS,
        file('queues.json'),
        file('queueExtents.json'),
        extents('queues'),
        false,
        ...common,
      ),
    ),
    new TableServer(
      new TableConfiguration(
        HOST,
        options.table ?? 0,
        KEEP_ALIVE_SECONDS,
        file('tables.json'),
        false,
        false,
        undefined,
        undefined,
        ...common.slice(3),
      ),
    ),
  ];
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '{}') as ServerArguments;
  const memory = require('azurite/dist/src/common/persistence/MemoryExtentStore.js') as {
    SharedChunkStore: { setSizeLimit(bytes: number): void };
  };
  memory.SharedChunkStore.setSizeLimit(EXTENT_MEMORY_LIMIT);
  if (options.folder !== undefined) {
    const azurite = createRequire(require.resolve('azurite/package.json'));
    installJournal(azurite('lokijs') as Parameters<typeof installJournal>[0]);
  }
  const servers = createServers(options);
  await Promise.all(servers.map((server) => server.start()));
  const [blob, queue, table] = servers.map((server) =>
    Number(new URL(server.getHttpServerAddress()).port),
  );
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void Promise.allSettled(servers.map((server) => server.close())).then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.once('disconnect', stop);
  process.send?.({ blob, queue, table });
}

await main();
