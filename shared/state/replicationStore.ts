import type { ReplicationRecord } from '../contracts/records.ts';
import type { Clients } from './clients.ts';
import { openDatabaseRows } from './databaseRows.ts';
import type { BlobStore, ReplicationStore } from './storeInterfaces.ts';

export function openReplicationStore(clients: Clients, blobs: BlobStore): ReplicationStore {
  const rows = openDatabaseRows<ReplicationRecord>(clients, blobs, {
    kind: 'replications',
    ownerOf: ({ ref, database }) => ({ migrationId: ref.id, database }),
    columnsOf: ({ desired, observed }) => ({ desired: desired.phase, observed: observed.phase }),
  });
  return {
    ...rows,
    listUnsettled: () => rows.listWhere("desired ne 'released' or observed ne 'released'"),
  };
}
