import type { Clients, TableKind } from './clients.ts';
import { encodeKey } from './keys.ts';
import { openRecordTable, partitionFilter } from './recordTable.ts';
import type { RecordTableOptions, RowKey } from './recordTable.ts';
import type { BlobStore, DatabaseRows } from './storeInterfaces.ts';

export interface DatabaseRowsOptions<T> extends Pick<
  RecordTableOptions<T>,
  'columnsOf' | 'onWritten'
> {
  kind: TableKind;
  /** The migration and the database that the record belongs to. */
  ownerOf: (record: T) => { migrationId: string; database: string };
}

function keyOf(migrationId: string, database: string): RowKey {
  return { partitionKey: encodeKey(migrationId), rowKey: encodeKey(database) };
}

export function openDatabaseRows<T>(
  clients: Clients,
  blobs: BlobStore,
  { kind, columnsOf, ownerOf, onWritten }: DatabaseRowsOptions<T>,
): DatabaseRows<T> & { listWhere(filter: string): AsyncIterable<T> } {
  const rows = openRecordTable<T>(clients, blobs, {
    kind,
    columnsOf,
    keyOf: (record) => {
      const { migrationId, database } = ownerOf(record);
      return keyOf(migrationId, database);
    },
    eventIdOf: (record) => ownerOf(record).migrationId,
    ...(onWritten === undefined ? {} : { onWritten }),
  });
  return {
    get: (migrationId, database) => rows.read(keyOf(migrationId, database)),
    list: (migrationId) =>
      rows.list(migrationId === undefined ? undefined : partitionFilter(encodeKey(migrationId))),
    listWhere: (filter) => rows.list(filter),
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
