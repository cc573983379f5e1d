import type { ReplicationRecord } from '../contracts/records.ts';
import type { RuntimeId } from '../contracts/runtimes.ts';
import type { Clients } from './clients.ts';
import { openDatabaseRows } from './databaseRows.ts';
import type { BlobStore, ChangeMarks, ReplicationStore } from './storeInterfaces.ts';

export function openReplicationStore(
  clients: Clients,
  blobs: BlobStore,
  marks: ChangeMarks,
  runtime: RuntimeId,
): ReplicationStore {
  const rows = openDatabaseRows<ReplicationRecord>(clients, blobs, {
    kind: 'replications',
    ownerOf: ({ ref, database }) => ({ migrationId: ref.id, database }),
    columnsOf: ({ desired, observed }) => ({ desired: desired.phase, observed: observed.phase }),
    // A snapshot that is held is shown nowhere, and its lease is renewed all the time.
    onWritten: async ({ ref, desired }) => {
      if (desired.phase !== 'holdSnapshot') await marks.touch('migration', ref.id);
    },
  });
  return {
    ...rows,
    listUnsettled: async function* () {
      const unsettled = rows.listWhere("desired ne 'released' or observed ne 'released'");
      for await (const record of unsettled) if (record.runtime === runtime) yield record;
    },
  };
}
