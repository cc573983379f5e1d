import type { DeliveryRecord } from '../contracts/deliveries.ts';
import { isPending } from '../contracts/deliveries.ts';
import { MigrationError } from '../errors/migrationError.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { openRecordTable, partitionFilter } from './recordTable.ts';
import type { RowKey } from './recordTable.ts';
import type { BlobStore, DeliveryStore } from './storeInterfaces.ts';

function keyOf(migrationId: string, destination: string): RowKey {
  return { partitionKey: encodeKey(migrationId), rowKey: encodeKey(destination) };
}

/** Another writer made the row, or took it away, in between: look again. */
const MAX_ATTEMPTS = 10;

export function openDeliveryStore(clients: Clients, blobs: BlobStore): DeliveryStore {
  const rows = openRecordTable<DeliveryRecord>(clients, blobs, {
    kind: 'deliveries',
    keyOf: ({ migrationId, destination }) => keyOf(migrationId, destination),
    columnsOf: (record) => ({
      isOpen: isPending(record) || record.retiredOn !== undefined,
      isPending: isPending(record),
    }),
    eventIdOf: ({ migrationId }) => migrationId,
  });

  const get = (migrationId: string, destination: string) =>
    rows.read(keyOf(migrationId, destination));

  const update: DeliveryStore['update'] = async (migrationId, destination, change) => {
    const updated = await rows.update(keyOf(migrationId, destination), (record) => {
      const next = change(record);
      return next === undefined ? undefined : { record: next };
    });
    return updated.record;
  };

  async function noteOnce(fresh: DeliveryRecord): Promise<boolean> {
    const { migrationId, destination, known } = fresh;
    try {
      if ((await get(migrationId, destination)) === undefined) await rows.insert(fresh, []);
      else {
        await update(migrationId, destination, (row) =>
          row.known >= known ? undefined : { ...row, known },
        );
      }
      return true;
    } catch (error) {
      const kind = error instanceof MigrationError ? error.kind : undefined;
      if (kind === 'targetOccupied' || kind === 'invalidInput') return false;
      throw error;
    }
  }

  return {
    get,
    update,

    note: async (migrationId, { id: destination, name }, known) => {
      const fresh = { migrationId, destination, name, known, done: 0, refused: 0, failures: 0 };
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (await noteOnce(fresh)) return;
      }
      throw new MigrationError('internal', `The delivery to ${name} could not be noted.`);
    },

    list: async (migrationId) => {
      const found: DeliveryRecord[] = [];
      const filter = partitionFilter(encodeKey(migrationId));
      for await (const record of rows.list(filter)) found.push(record);
      return found;
    },

    listOpen: () => rows.list('isOpen eq true'),

    deleteAll: async (migrationId) => {
      const filter = partitionFilter(encodeKey(migrationId));
      for await (const record of rows.list(filter)) {
        await rows.delete(keyOf(migrationId, record.destination));
      }
    },
  };
}
