import type { ReplicationRecord } from '../contracts/records.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { openRecordTable, partitionFilter } from './recordTable.ts';
import type { RowKey } from './recordTable.ts';
import type { BlobStore, ReplicationStore } from './storeInterfaces.ts';

function keyOf(migrationId: string, database: string): RowKey {
  return { partitionKey: encodeKey(migrationId), rowKey: encodeKey(database) };
}

export function openReplicationStore(clients: Clients, blobs: BlobStore): ReplicationStore {
  const rows = openRecordTable<ReplicationRecord>(clients, blobs, {
    kind: 'replications',
    keyOf: (record) => keyOf(record.ref.id, record.database),
    columnsOf: (record) => ({ desired: record.desired.phase, observed: record.observed.phase }),
    // No events come from these rows.
    eventIdOf: (record) => record.ref.id,
  });
  return {
    get: (migrationId, database) => rows.read(keyOf(migrationId, database)),
    list: (migrationId) =>
      rows.list(migrationId === undefined ? undefined : partitionFilter(encodeKey(migrationId))),
    put: (record) => rows.put(record),
    update: async (migrationId, database, change) => {
      const updated = await rows.update(keyOf(migrationId, database), (record) => {
        const next = change(record);
        return next === undefined ? undefined : { record: next };
      });
      return updated.record;
    },
    delete: (migrationId, database) => rows.delete(keyOf(migrationId, database)),
  };
}
