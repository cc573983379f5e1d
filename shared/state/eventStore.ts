import type { TransactionAction } from '@azure/data-tables';
import type { QueueProblem, Refusal } from '../contracts/deliveries.ts';
import type { EventRecord } from '../contracts/records.ts';
import { MigrationError } from '../errors/migrationError.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { partitionFilter } from './recordTable.ts';
import { isConflict, isMissing } from './statusCodes.ts';
import type { EventStore, LoggedEvent, OutboxEntry } from './storeInterfaces.ts';

const HEAD = 'head';
const MAX_ATTEMPTS = 100;
const DELETIONS_PER_TRANSACTION = 100;

type RawRow = Record<string, unknown>;

/** Prefixes: of the property with a refusal, and of the row with what went wrong with a queue. */
const REFUSED_BY = 'refusedBy_';
const PROBLEM_OF = 'problem-';

const sequenceKey = (sequence: number) => `seq-${String(sequence).padStart(12, '0')}`;
const idKey = (id: string) => `id-${encodeKey(id)}`;

/** A transaction's limit is 100 rows: two for each event, and the head. */
const EVENTS_PER_TRANSACTION = 49;

/** Heads that are remembered; one that another process has moved costs a transaction. */
const MOST_HEADS = 256;

interface Head {
  last: number;
  /** Undefined where there is no row yet. */
  etag: string | undefined;
}

/**
 * A migration's events are one partition with rows of these kinds: `seq-…` the event, `id-…` the
 * sequence number that an id got, and `head` the last number given. One transaction writes all
 * three, guarded by the head's ETag, so that an id gets one number however often it comes.
 */
export function openEventStore(clients: Clients): EventStore {
  const heads = new Map<string, Head>();

  async function read(partitionKey: string, rowKey: string) {
    const client = await clients.table('events');
    return client.getEntity<RawRow>(partitionKey, rowKey).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
  }

  async function readHead(partitionKey: string): Promise<Head> {
    const row = await read(partitionKey, HEAD);
    return { last: Number(row?.last ?? 0), etag: row?.etag };
  }

  /** False when the head was moved by somebody else, or an id has its number already. */
  async function write(
    partitionKey: string,
    entries: readonly OutboxEntry[],
    { last, etag }: Head,
  ): Promise<boolean> {
    const client = await clients.table('events');
    const head = { partitionKey, rowKey: HEAD, last: last + entries.length };
    const actions: TransactionAction[] = [
      etag === undefined ? ['create', head] : ['update', head, 'Replace', { etag }],
      ...entries.flatMap((entry, index) => rowsOf(partitionKey, entry, last + 1 + index)),
    ];
    heads.delete(partitionKey);
    try {
      const answer = await client.submitTransaction(actions);
      const newEtag = answer.getResponseForEntity(HEAD)?.etag;
      if (newEtag !== undefined) heads.set(partitionKey, { last: head.last, etag: newEtag });
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
    const [oldest] = heads.keys();
    if (heads.size > MOST_HEADS && oldest !== undefined) heads.delete(oldest);
    return true;
  }

  /** Reads the numbers that the ids have, and gives the others theirs. */
  async function settle(
    partitionKey: string,
    entries: readonly OutboxEntry[],
  ): Promise<number[] | undefined> {
    const numbers = new Map<string, number>();
    for (const { id } of entries) {
      const known = await read(partitionKey, idKey(id));
      if (known !== undefined) numbers.set(id, Number(known.sequence));
    }
    const fresh = entries.filter(({ id }) => !numbers.has(id));
    if (fresh.length > 0) {
      const head = await readHead(partitionKey);
      if (!(await write(partitionKey, fresh, head))) return undefined;
      for (const [index, { id }] of fresh.entries()) numbers.set(id, head.last + 1 + index);
    }
    return entries.map(({ id }) => numbers.get(id) ?? 0);
  }

  async function appendFew(migrationId: string, entries: readonly OutboxEntry[]) {
    const partitionKey = encodeKey(migrationId);
    // Most events are new: the transaction itself tells when one is not.
    const head = heads.get(partitionKey) ?? (await readHead(partitionKey));
    if (await write(partitionKey, entries, head)) {
      return entries.map((_entry, index) => head.last + 1 + index);
    }
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const numbers = await settle(partitionKey, entries);
      if (numbers !== undefined) return numbers;
    }
    throw new MigrationError('internal', `The events of ${migrationId} could not be stored.`);
  }

  return {
    append: async (migrationId, entries) => {
      const numbers: number[] = [];
      for (let at = 0; at < entries.length; at += EVENTS_PER_TRANSACTION) {
        const few = entries.slice(at, at + EVENTS_PER_TRANSACTION);
        numbers.push(...(await appendFew(migrationId, few)));
      }
      return numbers;
    },

    list: async function* (migrationId) {
      const client = await clients.table('events');
      const filter = sequenceFilter(migrationId, 0);
      for await (const row of client.listEntities<RawRow>({ queryOptions: { filter } })) {
        yield loggedEvent(row);
      }
    },

    page: async (migrationId, { after, top }) => {
      const client = await clients.table('events');
      const filter = sequenceFilter(migrationId, after);
      const pages = client
        .listEntities<RawRow>({ queryOptions: { filter } })
        .byPage({ maxPageSize: top });
      const events: LoggedEvent[] = [];
      // The service may answer less than a page, even nothing, and a continuation.
      for await (const page of pages) {
        events.push(...page.map(loggedEvent));
        if (events.length >= top) break;
      }
      return events.slice(0, top);
    },

    noteRefusal: async (migrationId, sequence, refusal) => {
      const client = await clients.table('events');
      // A property of its own for each destination: none overwrites another one's.
      const name = `${REFUSED_BY}${refusal.destination.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
      const partitionKey = encodeKey(migrationId);
      const row = { partitionKey, rowKey: sequenceKey(sequence), [name]: JSON.stringify(refusal) };
      await client.updateEntity(row, 'Merge').catch((error: unknown) => {
        // Purged meanwhile.
        if (!isMissing(error)) throw error;
      });
    },

    noteProblem: async (migrationId, queue, now) => {
      const client = await clients.table('events');
      const key = { partitionKey: encodeKey(migrationId), rowKey: `${PROBLEM_OF}${queue}` };
      const known = await read(key.partitionKey, key.rowKey);
      // Two at once count as one: that it happened is what matters.
      const row = { ...key, queue, count: Number(known?.count ?? 0) + 1, lastOn: now };
      await client.upsertEntity(row, 'Replace');
    },

    problems: async (migrationId) => {
      const client = await clients.table('events');
      const filter = `${partitionFilter(encodeKey(migrationId))} and RowKey ge '${PROBLEM_OF}' and RowKey lt 'problem.'`;
      const found: QueueProblem[] = [];
      for await (const row of client.listEntities<RawRow>({ queryOptions: { filter } })) {
        found.push({
          queue: String(row.queue),
          count: Number(row.count),
          lastOn: String(row.lastOn),
        });
      }
      return found;
    },

    deleteAll: async (migrationId) => {
      const client = await clients.table('events');
      const partitionKey = encodeKey(migrationId);
      heads.delete(partitionKey);
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

function sequenceFilter(migrationId: string, after: number): string {
  const partition = partitionFilter(encodeKey(migrationId));
  return `${partition} and RowKey gt '${sequenceKey(after)}' and RowKey lt 'seq.'`;
}

function loggedEvent(row: RawRow): LoggedEvent {
  const refusals = Object.entries(row)
    .filter(([name]) => name.startsWith(REFUSED_BY))
    .map(([, value]) => JSON.parse(String(value)) as Refusal);
  return {
    sequence: Number(row.sequence),
    id: String(row.id),
    event: JSON.parse(String(row.event)) as EventRecord,
    refusals,
  };
}

function rowsOf(partitionKey: string, entry: OutboxEntry, sequence: number): TransactionAction[] {
  const event = JSON.stringify(entry.event);
  return [
    ['create', { partitionKey, rowKey: idKey(entry.id), sequence }],
    ['create', { partitionKey, rowKey: sequenceKey(sequence), sequence, id: entry.id, event }],
  ];
}
