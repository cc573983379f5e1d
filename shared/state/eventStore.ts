import type { TransactionAction } from '@azure/data-tables';
import type { EventRecord } from '../contracts/records.ts';
import { MigrationError } from '../errors/migrationError.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { partitionFilter } from './recordTable.ts';
import { isConflict, isMissing } from './statusCodes.ts';
import type { EventStore, OutboxEntry } from './storeInterfaces.ts';

const HEAD = 'head';
const MAX_ATTEMPTS = 100;
const DELETIONS_PER_TRANSACTION = 100;

type RawRow = Record<string, unknown>;

const sequenceKey = (sequence: number) => `seq-${String(sequence).padStart(12, '0')}`;
const idKey = (id: string) => `id-${encodeKey(id)}`;

/**
 * A migration's events are one partition with three kinds of rows: `seq-…` the event, `id-…` the
 * sequence number that an id got, and `head` the last number given. One transaction writes all
 * three, guarded by the head's ETag, so that an id gets one number however often it comes.
 */
export function openEventStore(clients: Clients): EventStore {
  async function read(partitionKey: string, rowKey: string) {
    const client = await clients.table('events');
    return client.getEntity<RawRow>(partitionKey, rowKey).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
  }

  function actionsFor(
    partitionKey: string,
    sequence: number,
    entry: OutboxEntry,
    headEtag: string | undefined,
  ): TransactionAction[] {
    const head = { partitionKey, rowKey: HEAD, last: sequence };
    return [
      headEtag === undefined ? ['create', head] : ['update', head, 'Replace', { etag: headEtag }],
      ['create', { partitionKey, rowKey: idKey(entry.id), sequence }],
      [
        'create',
        {
          partitionKey,
          rowKey: sequenceKey(sequence),
          sequence,
          id: entry.id,
          event: JSON.stringify(entry.event),
        },
      ],
    ];
  }

  return {
    append: async (migrationId, entry) => {
      const client = await clients.table('events');
      const partitionKey = encodeKey(migrationId);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const known = await read(partitionKey, idKey(entry.id));
        if (known !== undefined) return Number(known.sequence);
        const head = await read(partitionKey, HEAD);
        const sequence = Number(head?.last ?? 0) + 1;
        try {
          await client.submitTransaction(actionsFor(partitionKey, sequence, entry, head?.etag));
          return sequence;
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      }
      throw new MigrationError('internal', `The event ${entry.id} could not be stored.`);
    },

    list: async function* (migrationId) {
      const client = await clients.table('events');
      const filter = `${partitionFilter(encodeKey(migrationId))} and RowKey ge 'seq-' and RowKey lt 'seq.'`;
      for await (const row of client.listEntities<RawRow>({ queryOptions: { filter } })) {
        yield {
          sequence: Number(row.sequence),
          id: String(row.id),
          event: JSON.parse(String(row.event)) as EventRecord,
        };
      }
    },

    deleteAll: async (migrationId) => {
      const client = await clients.table('events');
      const partitionKey = encodeKey(migrationId);
      const actions: TransactionAction[] = [];
      const queryOptions = { filter: partitionFilter(partitionKey), select: ['RowKey'] };
      for await (const row of client.listEntities<RawRow>({ queryOptions })) {
        actions.push(['delete', { partitionKey, rowKey: String(row.rowKey) }]);
      }
      for (let i = 0; i < actions.length; i += DELETIONS_PER_TRANSACTION) {
        await client.submitTransaction(actions.slice(i, i + DELETIONS_PER_TRANSACTION));
      }
    },
  };
}
