import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { odataText, partitionFilter } from './recordTable.ts';
import type { Sample, SampleFigures, SampleStore } from './storeInterfaces.ts';

/** The shortest time between two samples. */
const SLOT_MS = 10_000;
/** A history that would have more gets half the resolution. */
const MOST_SAMPLES = 1_000;
/** Databases that this process remembers; one that is forgotten is looked up again. */
const MOST_HISTORIES = 4_096;
const ROWS_PER_TRANSACTION = 100;

const COUNTS = [
  'rows',
  'bytes',
  'appliedChanges',
  'incomingChanges',
  'lagBytes',
  'slotBytes',
] as const satisfies readonly (keyof SampleFigures)[];

interface History {
  firstSlot: number;
  /** Samples stand for 2^level slots. */
  level: number;
  /** Nothing is written before this slot. */
  nextSlot: number;
}

/** The slot with which the one that `slot` is in begins at this level. */
export function alignSlot(slot: number, level: number): number {
  return slot - (slot % 2 ** level);
}

/** How coarse a history of so many slots has to be. */
export function levelOf(slotCount: number): number {
  return Math.max(0, Math.ceil(Math.log2(slotCount / MOST_SAMPLES)));
}

/**
 * A row for each sample, its key the ten seconds that it stands for: whoever has figures merges them
 * into the row of the moment, without reading, and two writers do not disturb each other. The age of
 * the history says how coarse it is, so that it stays bounded however long a migration takes; who
 * first notices that it became coarser deletes what is too much.
 */
export function openSampleStore(clients: Clients, now: () => number = Date.now): SampleStore {
  const histories = new Map<string, History>();
  const partitionOf = (migrationId: string, database: string) =>
    encodeKey(`${migrationId}/${database}`);

  async function slotsOf(client: TableClient, partitionKey: string): Promise<number[]> {
    const queryOptions = { filter: partitionFilter(partitionKey), select: ['RowKey'] };
    const slots: number[] = [];
    for await (const { rowKey } of client.listEntities({ queryOptions }))
      slots.push(Number(rowKey));
    return slots;
  }

  async function remove(client: TableClient, partitionKey: string, slots: readonly number[]) {
    for (let first = 0; first < slots.length; first += ROWS_PER_TRANSACTION) {
      const actions = slots
        .slice(first, first + ROWS_PER_TRANSACTION)
        .map((slot): TransactionAction => ['delete', { partitionKey, rowKey: keyOfSlot(slot) }]);
      await client.submitTransaction(actions);
    }
  }

  async function thin(client: TableClient, partitionKey: string, history: History): Promise<void> {
    const slots = await slotsOf(client, partitionKey);
    history.firstSlot = Math.min(history.firstSlot, ...slots);
    history.level = levelOf(history.nextSlot - history.firstSlot);
    // The first of each time stays. They come in order of their keys.
    const startOf = (slot: number | undefined) => alignSlot(slot ?? -1, history.level);
    const surplus = slots.filter((slot, index) => startOf(slot) === startOf(slots[index - 1]));
    // Another process may be at it: what both delete only one of them finds.
    await remove(client, partitionKey, surplus).catch(() => undefined);
  }

  async function write(
    partitionKey: string,
    history: History,
    slot: number,
    figures: SampleFigures,
  ): Promise<void> {
    const client = await clients.table('samples');
    const isNew = history.level < 0;
    if (isNew || levelOf(slot - history.firstSlot) > history.level) {
      await thin(client, partitionKey, history);
    }
    const start = alignSlot(slot, history.level);
    history.nextSlot = start + 2 ** history.level;
    const entity = { partitionKey, rowKey: keyOfSlot(start), ...encode(figures) };
    await client.upsertEntity(entity, 'Merge');
  }

  function remember(key: string, slot: number): History {
    const history = { firstSlot: slot, level: -1, nextSlot: slot };
    histories.set(key, history);
    const [oldest] = histories.keys();
    if (histories.size > MOST_HISTORIES && oldest !== undefined) histories.delete(oldest);
    return history;
  }

  return {
    note: async (migrationId, database, figures, isLast = false) => {
      const slot = Math.floor(now() / SLOT_MS);
      const key = partitionOf(migrationId, database);
      const history = histories.get(key) ?? remember(key, slot);
      if (slot < history.nextSlot && !isLast) return;
      // Nobody else of this process writes the same sample.
      history.nextSlot = Math.max(history.nextSlot, slot + 1);
      await write(key, history, slot, figures).catch(() => undefined);
    },

    list: async (migrationId, database, after) => {
      const client = await clients.table('samples');
      const partition = partitionFilter(partitionOf(migrationId, database));
      const from = after === undefined ? 0 : Math.floor(Date.parse(after) / SLOT_MS);
      const filter = `${partition} and RowKey gt ${odataText(keyOfSlot(from))}`;
      const samples: Sample[] = [];
      const rows = client.listEntities<Record<string, unknown>>({ queryOptions: { filter } });
      for await (const row of rows) samples.push(decode(row));
      return samples;
    },

    deleteAll: async (migrationId, database) => {
      const client = await clients.table('samples');
      const key = partitionOf(migrationId, database);
      histories.delete(key);
      await remove(client, key, await slotsOf(client, key));
    },
  };
}

/** Ten digits last until the year 5138. */
function keyOfSlot(slot: number): string {
  return String(slot).padStart(10, '0');
}

function encode(figures: SampleFigures): Record<string, bigint> {
  const row: Record<string, bigint> = {};
  for (const name of COUNTS) {
    const value = figures[name];
    if (value !== undefined) row[name] = BigInt(Math.round(value));
  }
  const { latencySeconds } = figures;
  if (latencySeconds !== undefined) row['latencyMs'] = BigInt(Math.round(latencySeconds * 1_000));
  return row;
}

function decode(row: Record<string, unknown>): Sample {
  const time = new Date(Number(row['rowKey']) * SLOT_MS).toISOString();
  const sample: Sample = { time };
  for (const name of COUNTS) {
    if (row[name] !== undefined) sample[name] = Number(row[name]);
  }
  if (row['latencyMs'] !== undefined) sample.latencySeconds = Number(row['latencyMs']) / 1_000;
  return sample;
}
