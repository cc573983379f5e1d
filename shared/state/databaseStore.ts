import type { DatabaseRecord } from '../contracts/records.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { noticeOutbox } from './outboxNotice.ts';
import { openRecordTable, partitionFilter } from './recordTable.ts';
import type { RowKey } from './recordTable.ts';
import type { BlobStore, ChangeMarks, DatabaseStore, QueueStore } from './storeInterfaces.ts';

function keyOf(migrationId: string, database: string): RowKey {
  return { partitionKey: encodeKey(migrationId), rowKey: encodeKey(database) };
}

export function openDatabaseStore(
  clients: Clients,
  blobs: BlobStore,
  queues: QueueStore,
  marks: ChangeMarks,
): DatabaseStore {
  const rows = openRecordTable<DatabaseRecord>(clients, blobs, {
    kind: 'databases',
    keyOf: (record) => keyOf(record.migrationId, record.database),
    columnsOf: (record) => ({ state: record.state }),
    eventIdOf: (record) => `${record.migrationId}.${encodeKey(record.database)}`,
    onWritten: ({ migrationId }) => marks.touch('migration', migrationId),
  });

  const list = async (migrationId: string) => {
    const records: DatabaseRecord[] = [];
    for await (const record of rows.list(partitionFilter(encodeKey(migrationId)))) {
      records.push(record);
    }
    return records.sort((a, b) => (a.database < b.database ? -1 : 1));
  };

  return {
    get: (migrationId, database) => rows.read(keyOf(migrationId, database)),
    list,
    put: (record) => rows.put(record),
    update: async (migrationId, database, change) => {
      const updated = await rows.update(keyOf(migrationId, database), change);
      if (updated.hasNewEvents) await noticeOutbox(queues, { migrationId, database });
      return updated.record;
    },
    deleteAll: async (migrationId) => {
      for (const record of await list(migrationId)) {
        await rows.delete(keyOf(migrationId, record.database));
      }
    },
    outbox: async (migrationId, database) =>
      (await rows.readOutbox(keyOf(migrationId, database)))?.outbox ?? [],
    clearOutbox: (migrationId, database, ids) =>
      rows.clearOutbox(keyOf(migrationId, database), ids),
    listWithOutbox: (migrationId) => {
      const isOpen = 'hasOutbox eq true';
      if (migrationId === undefined) return rows.list(isOpen);
      return rows.list(`${partitionFilter(encodeKey(migrationId))} and ${isOpen}`);
    },
  };
}
