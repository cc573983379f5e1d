import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TableEntityResult } from '@azure/data-tables';
import type { EventRecord } from '../contracts/records.ts';
import { MigrationError } from '../errors/migrationError.ts';
import type { Clients, TableKind } from './clients.ts';
import { openRowMemory } from './rowMemory.ts';
import { isConflict, isMissing } from './statusCodes.ts';
import type { BlobStore, Change, OutboxEntry, Page } from './storeInterfaces.ts';

/** Characters that fit into one property: 64 KiB of UTF-16, with room to spare. */
const PROPERTY_LIMIT = 30_000;
const MAX_ATTEMPTS = 60;

export interface RowKey {
  partitionKey: string;
  rowKey: string;
}

type Column = string | boolean | number | undefined;

export interface RecordTableOptions<T> {
  kind: TableKind;
  keyOf(record: T): RowKey;
  /** What filters ask for, beside the record itself. */
  columnsOf(record: T): Record<string, Column>;
  /** Prefix of the ids of the row's events: unique for this row, and never used again. */
  eventIdOf(record: T): string;
  /**
   * Read far more often than written, and perhaps large: a read asks first whether the row is still
   * the one that this process knows.
   */
  isSteady?: boolean;
  /** After a write. */
  onWritten?(record: T): Promise<void>;
}

interface Row<T> {
  record: T;
  outbox: OutboxEntry[];
  version: number;
  writeId: string;
  etag: string;
  /** Blobs that hold what was too large. */
  blobs: string[];
}

/**
 * Rows that hold a record as JSON, its unpublished events and a version. Every write is guarded by
 * the ETag of the row as this process knows it; values too large for a property are in blobs of
 * their own, written before the row and deleted after the next write.
 */
export interface RecordTable<T> {
  read(key: RowKey): Promise<T | undefined>;
  readOutbox(key: RowKey): Promise<{ record: T; outbox: OutboxEntry[] } | undefined>;
  /** @throws MigrationError targetOccupied when the row exists. */
  insert(record: T, events: EventRecord[]): Promise<void>;
  put(record: T): Promise<void>;
  update(key: RowKey, change: (record: T) => Change<T> | undefined): Promise<Updated<T>>;
  clearOutbox(key: RowKey, ids: readonly string[]): Promise<void>;
  delete(key: RowKey): Promise<void>;
  list(filter?: string): AsyncIterable<T>;
  /** Some columns of the rows, without the records: what is not selected is not sent. */
  listColumns(filter: string, columns: readonly string[]): AsyncIterable<Record<string, unknown>>;
  page(filter: string, top: number, continuation?: string): Promise<Page<T>>;
}

export interface Updated<T> {
  record: T;
  hasNewEvents: boolean;
}

/**
 * What a change makes of a remembered row. It may be out of date: only what is written under its
 * ETag counts, and neither "nothing to do" nor a refusal is believed.
 */
function unlessThrown<R>(work: () => R): R | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Quotes a text for an OData filter. */
export function odataText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function partitionFilter(partitionKey: string): string {
  return `PartitionKey eq ${odataText(partitionKey)}`;
}

export function openRecordTable<T>(
  clients: Clients,
  blobs: BlobStore,
  options: RecordTableOptions<T>,
): RecordTable<T> {
  const blobPrefixOf = (key: RowKey) => `rows/${options.kind}/${key.partitionKey}/${key.rowKey}/`;
  const memory = openRowMemory();
  const idOf = (key: RowKey) => `${key.partitionKey}/${key.rowKey}`;

  /** Undefined when a blob of the row is gone: a newer row has replaced it. */
  async function decode(
    entity: TableEntityResult<Record<string, unknown>>,
  ): Promise<Row<T> | undefined> {
    const record = await unpack<T>(entity, 'record');
    const outbox = await unpack<OutboxEntry[]>(entity, 'outbox');
    if (record === undefined || outbox === undefined) return undefined;
    return {
      record,
      outbox,
      version: Number(entity.version),
      writeId: String(entity.writeId),
      etag: entity.etag,
      blobs: [entity.recordBlob, entity.outboxBlob].filter((path) => typeof path === 'string'),
    };
  }

  async function unpack<V>(entity: Record<string, unknown>, name: string): Promise<V | undefined> {
    const path = entity[`${name}Blob`];
    if (typeof path === 'string') return blobs.getJson<V>(path);
    return JSON.parse(String(entity[name])) as V;
  }

  async function encode(key: RowKey, record: T, outbox: OutboxEntry[], version: number) {
    const written: string[] = [];
    const writeId = randomUUID();
    const pack = async (name: string, value: unknown): Promise<Record<string, string>> => {
      const text = JSON.stringify(value);
      if (text.length <= PROPERTY_LIMIT) return { [name]: text };
      const path = `${blobPrefixOf(key)}${name}-${writeId}.json`;
      written.push(path);
      await blobs.putJson(path, value);
      return { [`${name}Blob`]: path };
    };
    const columns = Object.entries(options.columnsOf(record)).filter(([, v]) => v !== undefined);
    const entity = {
      ...Object.fromEntries(columns),
      ...(await pack('record', record)),
      ...(await pack('outbox', outbox)),
      ...key,
      hasOutbox: outbox.length > 0,
      version,
      writeId,
    };
    return { entity, blobs: written };
  }

  async function load(key: RowKey): Promise<Row<T> | undefined> {
    const client = await clients.table(options.kind);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const entity = await client
        .getEntity<Record<string, unknown>>(key.partitionKey, key.rowKey)
        .catch((error: unknown) => {
          if (isMissing(error)) return undefined;
          throw error;
        });
      if (entity === undefined) {
        memory.forget(idOf(key));
        return undefined;
      }
      const row = await decode(entity);
      if (row === undefined) continue;
      rememberEntity(key, entity, row);
      return row;
    }
    throw new MigrationError('internal', `The row ${key.rowKey} has lost a part of its record.`);
  }

  async function read(key: RowKey): Promise<T | undefined> {
    const known = options.isSteady ? memory.recall(idOf(key)) : undefined;
    if (known !== undefined && (await currentWrite(key)) === known.writeId) {
      return JSON.parse(known.record) as T;
    }
    return (await load(key))?.record;
  }

  /** The id of the row's last write; undefined when there is no row. */
  async function currentWrite(key: RowKey): Promise<unknown> {
    const client = await clients.table(options.kind);
    const queryOptions = { select: ['writeId'] };
    try {
      const { partitionKey, rowKey } = key;
      const { writeId } = await client.getEntity<Record<string, unknown>>(partitionKey, rowKey, {
        queryOptions,
      });
      return writeId;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Other rows with a part in a blob than steady ones are read each time. */
  function rememberEntity(
    key: RowKey,
    entity: Record<string, unknown>,
    {
      record,
      outbox,
      blobs: parts,
      etag,
    }: Omit<Row<T>, 'version' | 'writeId' | 'etag'> & { etag?: string },
  ): void {
    if (etag === undefined || (parts.length > 0 && !options.isSteady)) {
      memory.forget(idOf(key));
      return;
    }
    const textOf = (text: unknown, value: unknown) =>
      typeof text === 'string' ? text : JSON.stringify(value);
    memory.remember(idOf(key), {
      record: textOf(entity['record'], record),
      outbox: textOf(entity['outbox'], outbox),
      version: Number(entity['version']),
      writeId: String(entity['writeId']),
      etag,
      blobs: parts,
    });
  }

  function recall(key: RowKey): Row<T> | undefined {
    const known = memory.recall(idOf(key));
    if (known === undefined) return undefined;
    const record = JSON.parse(known.record) as T;
    const outbox = JSON.parse(known.outbox) as OutboxEntry[];
    return { ...known, record, outbox };
  }

  async function deleteBlobs(paths: readonly string[]): Promise<void> {
    for (const path of paths) await blobs.deletePrefix(path);
  }

  /**
   * One guarded write; false when another writer was faster. A conflict may also be our own first
   * try, whose answer was lost before the client sent it again: the write id tells.
   */
  async function write(
    key: RowKey,
    previous: Row<T> | undefined,
    record: T,
    outbox: OutboxEntry[],
  ): Promise<boolean> {
    const client = await clients.table(options.kind);
    const next = await encode(key, record, outbox, (previous?.version ?? 0) + 1);
    try {
      const { etag } =
        previous === undefined
          ? await client.createEntity(next.entity)
          : await client.updateEntity(next.entity, 'Replace', { etag: previous.etag });
      rememberEntity(key, next.entity, { record, outbox, blobs: next.blobs, etag });
    } catch (error) {
      memory.forget(idOf(key));
      // A row that was deleted meanwhile is a conflict as well: the next read tells.
      const lost = isConflict(error) || (previous !== undefined && isMissing(error));
      const written = lost && (await load(key))?.writeId === next.entity.writeId;
      if (!written) {
        await deleteBlobs(next.blobs);
        if (lost) return false;
        throw error;
      }
    }
    await deleteBlobs(previous?.blobs ?? []);
    await options.onWritten?.(record);
    return true;
  }

  /** Tries until no other writer comes between; the pauses spread writers that collide. */
  async function attemptWrites<R>(key: RowKey, attempt: () => Promise<{ result: R } | undefined>) {
    for (let count = 1; count <= MAX_ATTEMPTS; count++) {
      const done = await attempt();
      if (done !== undefined) return done.result;
      await delay(Math.random() * Math.min(5 * count, 200));
    }
    throw new MigrationError(
      'internal',
      `The row ${key.rowKey} could not be written: too many writers.`,
    );
  }

  function entriesOf(record: T, version: number, events: readonly EventRecord[]): OutboxEntry[] {
    const prefix = options.eventIdOf(record);
    return events.map((event, index) => ({ id: `${prefix}.${version}.${index}`, event }));
  }

  return {
    read,
    readOutbox: load,

    insert: async (record, events) => {
      const key = options.keyOf(record);
      if (await write(key, undefined, record, entriesOf(record, 1, events))) return;
      throw new MigrationError('targetOccupied', `There is a row ${key.rowKey} already.`);
    },

    put: async (record) => {
      const key = options.keyOf(record);
      const known = recall(key);
      // Most rows that are put are new.
      if (await write(key, known, record, known?.outbox ?? [])) return;
      await attemptWrites(key, async () => {
        const row = await load(key);
        return (await write(key, row, record, row?.outbox ?? []))
          ? { result: undefined }
          : undefined;
      });
    },

    update: async (key, change) => {
      const writeNext = async (row: Row<T>, next: Change<T>): Promise<Updated<T> | undefined> => {
        const entries = entriesOf(next.record, row.version + 1, next.events ?? []);
        const isWritten = await write(key, row, next.record, [...row.outbox, ...entries]);
        return isWritten ? { record: next.record, hasNewEvents: entries.length > 0 } : undefined;
      };
      const known = recall(key);
      const early = known && unlessThrown(() => change(known.record));
      const updated = known && early && (await writeNext(known, early));
      if (updated !== undefined) return updated;
      return await attemptWrites<Updated<T>>(key, async () => {
        const row = await load(key);
        if (row === undefined) {
          throw new MigrationError('invalidInput', `There is no row ${key.rowKey}.`);
        }
        const next = change(row.record);
        if (next === undefined) return { result: { record: row.record, hasNewEvents: false } };
        const result = await writeNext(row, next);
        return result && { result };
      });
    },

    clearOutbox: async (key, ids) => {
      const restOf = (row: Row<T>) => row.outbox.filter((entry) => !ids.includes(entry.id));
      const known = recall(key);
      if (known && ids.every((id) => known.outbox.some((entry) => entry.id === id))) {
        if (await write(key, known, known.record, restOf(known))) return;
      }
      await attemptWrites(key, async () => {
        const row = await load(key);
        if (row === undefined) return { result: undefined };
        const rest = restOf(row);
        if (rest.length === row.outbox.length) return { result: undefined };
        return (await write(key, row, row.record, rest)) ? { result: undefined } : undefined;
      });
    },

    delete: async (key) => {
      memory.forget(idOf(key));
      const client = await clients.table(options.kind);
      await client.deleteEntity(key.partitionKey, key.rowKey).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
      await blobs.deletePrefix(blobPrefixOf(key));
    },

    list: async function* (filter) {
      const client = await clients.table(options.kind);
      const queryOptions = filter === undefined || filter === '' ? {} : { filter };
      for await (const entity of client.listEntities<Record<string, unknown>>({ queryOptions })) {
        const record = await recordOf(entity);
        if (record !== undefined) yield record;
      }
    },

    listColumns: async function* (filter, columns) {
      const client = await clients.table(options.kind);
      const queryOptions = { filter, select: [...columns] };
      yield* client.listEntities<Record<string, unknown>>({ queryOptions });
    },

    page: async (filter, top, continuation) => {
      const client = await clients.table(options.kind);
      const pages = client
        .listEntities<Record<string, unknown>>({ queryOptions: { filter } })
        .byPage({ maxPageSize: top, continuationToken: continuation });
      const { value } = await pages.next();
      if (value === undefined) return { rows: [] };
      const rows = await Promise.all(
        (value as TableEntityResult<Record<string, unknown>>[]).map(recordOf),
      );
      return {
        rows: rows.filter((record) => record !== undefined),
        continuation: (value as { continuationToken?: string }).continuationToken,
      };
    },
  };

  async function recordOf(
    entity: TableEntityResult<Record<string, unknown>>,
  ): Promise<T | undefined> {
    const row = await decode(entity);
    if (row !== undefined) return row.record;
    const key = { partitionKey: String(entity.partitionKey), rowKey: String(entity.rowKey) };
    return (await load(key))?.record;
  }
}
