import type { DatabaseClaim, DatabaseRecord } from '../contracts/records.ts';
import type { Clients } from './clients.ts';
import { decodeKey, encodeKey } from './keys.ts';
import { noticeOutbox } from './outboxNotice.ts';
import { odataText, openRecordTable, partitionFilter } from './recordTable.ts';
import type { RowKey } from './recordTable.ts';
import type {
  BlobStore,
  ChangeMarks,
  DatabaseStore,
  OpenDatabase,
  QueueStore,
} from './storeInterfaces.ts';

function keyOf(migrationId: string, database: string): RowKey {
  return { partitionKey: encodeKey(migrationId), rowKey: encodeKey(database) };
}

const COLUMNS_OF_OPEN = ['RowKey', 'place', 'claimOwner', 'claim'];

function claimText({ owner, lane, sequence }: DatabaseClaim): string {
  return `${owner}/${lane}/${sequence}`;
}

function openOf(records: readonly DatabaseRecord[], text: string | undefined): OpenDatabase[] {
  return records
    .map(({ database, order, state, claim }) => ({
      database,
      order,
      state,
      ...(claim === undefined ? {} : { claimOwner: claim.owner }),
      isOfClaim: text !== undefined && claim !== undefined && claimText(claim) === text,
    }))
    .filter(({ state, isOfClaim }) => state !== 'Succeeded' || isOfClaim);
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
    columnsOf: ({ state, order, claim }) => ({
      state,
      place: order,
      claimOwner: claim?.owner,
      claim: claim && claimText(claim),
    }),
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

  const listOpen = async (migrationId: string, claim?: DatabaseClaim) => {
    const partition = partitionFilter(encodeKey(migrationId));
    const text = claim && claimText(claim);
    const isClaimed = text === undefined ? '' : ` or claim eq ${odataText(text)}`;
    const filter = `${partition} and (state ne 'Succeeded'${isClaimed})`;
    const open: OpenDatabase[] = [];
    for await (const row of rows.listColumns(filter, COLUMNS_OF_OPEN)) {
      // Written before there were these columns.
      if (typeof row['place'] !== 'number') return openOf(await list(migrationId), text);
      open.push({
        database: decodeKey(String(row['rowKey'])),
        order: Number(row['place']),
        ...(typeof row['claimOwner'] === 'string' ? { claimOwner: row['claimOwner'] } : {}),
        isOfClaim: text !== undefined && row['claim'] === text,
      });
    }
    return open;
  };

  return {
    get: (migrationId, database) => rows.read(keyOf(migrationId, database)),
    list,
    listOpen,
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
