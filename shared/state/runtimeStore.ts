import type { RuntimeRecord } from '../contracts/runtimes.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { partitionFilter } from './recordTable.ts';
import { isMissing } from './statusCodes.ts';
import type { RuntimeStore } from './storeInterfaces.ts';

const PARTITION = 'runtimes';

/** The registered worker groups: few rows, each written by its own deployment. */
export function openRuntimeStore(clients: Clients): RuntimeStore {
  return {
    put: async (record) => {
      const client = await clients.table('runtimes');
      const key = { partitionKey: PARTITION, rowKey: encodeKey(record.id) };
      await client.upsertEntity({ ...key, ...record }, 'Replace');
    },

    get: async (id) => {
      const client = await clients.table('runtimes');
      try {
        return recordOf(await client.getEntity<RuntimeRecord>(PARTITION, encodeKey(id)));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    list: async () => {
      const client = await clients.table('runtimes');
      const queryOptions = { filter: partitionFilter(PARTITION) };
      const records: RuntimeRecord[] = [];
      for await (const row of client.listEntities<RuntimeRecord>({ queryOptions })) {
        records.push(recordOf(row));
      }
      return records;
    },
  };
}

function recordOf({ id, taskHub, startedOn, seenOn }: RuntimeRecord): RuntimeRecord {
  return { id, taskHub, startedOn, seenOn };
}
