import type { CopyWork } from '../contracts/copyWork.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { openRecordTable } from './recordTable.ts';
import type { RowKey } from './recordTable.ts';
import type { BlobStore, CopyWorkStore } from './storeInterfaces.ts';

function keyOf(migrationId: string, database: string): RowKey {
  return { partitionKey: encodeKey(migrationId), rowKey: encodeKey(database) };
}

export function openCopyWorkStore(clients: Clients, blobs: BlobStore): CopyWorkStore {
  const rows = openRecordTable<CopyWork>(clients, blobs, {
    kind: 'copyWork',
    keyOf: (record) => keyOf(record.migrationId, record.database),
    columnsOf: (record) => ({ generation: record.generation }),
    // No events come from these rows.
    eventIdOf: (record) => record.migrationId,
  });
  return {
    get: (migrationId, database) => rows.read(keyOf(migrationId, database)),
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
