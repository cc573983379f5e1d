import type { Settings } from '../config/settings.ts';
import type { CopyWork } from '../contracts/copyWork.ts';
import { openChangeMarks } from './changeMarks.ts';
import { openBlobStore } from './blobStore.ts';
import { openClients } from './clients.ts';
import { openDatabaseRows } from './databaseRows.ts';
import { openDatabaseStore } from './databaseStore.ts';
import { openDeliveryStore } from './deliveryStore.ts';
import { openEventStore } from './eventStore.ts';
import { openMigrationStore } from './migrationStore.ts';
import { openQueueStore } from './queueStore.ts';
import { openReplicationStore } from './replicationStore.ts';
import { openSampleStore } from './sampleStore.ts';
import { openRuntimeStore } from './runtimeStore.ts';
import type { Stores } from './storeInterfaces.ts';
import { openTableStore } from './tableStore.ts';

export type * from './storeInterfaces.ts';

/** Opens the stores without a request; nothing is created. */
export function openStores(settings: Settings): Stores {
  const clients = openClients(settings);
  const blobs = openBlobStore(clients);
  const queues = openQueueStore(clients);
  const marks = openChangeMarks(clients);
  return {
    migrations: openMigrationStore(clients, blobs, queues, marks),
    databases: openDatabaseStore(clients, blobs, queues, marks),
    tables: openTableStore(clients, marks),
    replications: openReplicationStore(clients, blobs, marks, settings.runtime),
    copyWork: openDatabaseRows<CopyWork>(clients, blobs, {
      kind: 'copyWork',
      ownerOf: ({ migrationId, database }) => ({ migrationId, database }),
      columnsOf: ({ generation }) => ({ generation }),
    }),
    events: openEventStore(clients),
    samples: openSampleStore(clients),
    marks,
    deliveries: openDeliveryStore(clients, blobs),
    blobs,
    queues,
    runtimes: openRuntimeStore(clients),
    ensure: () => clients.ensure(),
  };
}

/** Creates tables, queues and the container where they are missing, once per process. */
export function ensureStores(stores: Stores): Promise<void> {
  return stores.ensure();
}
