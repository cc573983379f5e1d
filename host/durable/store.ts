/**
 * The task hub in storage.
 *
 * - `<hub>Instances`: one row per instance, its status and input: what a start writes, what lists
 *   read, and where a starting host finds the instances that have not ended (`live`).
 * - `<hub>History`: one partition per execution. A row `h…` is one episode: its events and the
 *   instance's state after them, in one entity, so that an episode is there whole or not at all.
 *   A row `i…` is a message that was accepted but has not been taken into an episode yet.
 * - the container `<hub>-largemessages`: texts too long for a property.
 *
 * Nothing else is a queue: what is to be done follows from the history, so a starting host
 * dispatches everything that was scheduled and has not ended.
 */
import { randomUUID } from 'node:crypto';
import { odata } from '@azure/data-tables';
import type { TableClient, TableEntityResult } from '@azure/data-tables';
import { isConflict, isNotFound, withPatience } from '../storage.ts';
import type { PatienceOptions, Storage } from '../storage.ts';
import { LargeTexts } from './largeTexts.ts';

export type RuntimeStatus =
  'Pending' | 'Running' | 'Suspended' | 'Completed' | 'Failed' | 'Terminated';

export interface ParentTask {
  readonly instanceId: string;
  readonly executionId: string;
  readonly generation: number;
  readonly taskId: number;
}

/** What is known of an instance without its history. Texts are JSON. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly executionId: string;
  readonly name: string;
  /** What the orchestration was started under; may be empty. */
  readonly version: string;
  readonly createdAt: Date;
  readonly parent: ParentTask | undefined;
  input: string | null;
  status: RuntimeStatus;
  output: string | null;
  customStatus: string | null;
  updatedAt: Date;
}

/** One committed step of an execution. */
export interface Episode {
  readonly generation: number;
  readonly number: number;
  /** JSON of the history events that this episode added. */
  readonly events: string;
  /** The state after it, JSON. */
  readonly state: string;
}

export interface InboxMessage {
  readonly sequence: number;
  readonly message: string;
}

export interface ExecutionLog {
  readonly episodes: readonly Episode[];
  readonly inbox: readonly InboxMessage[];
}

export interface InstanceFilter {
  readonly statuses?: readonly RuntimeStatus[];
  readonly createdFrom?: Date;
  readonly createdTo?: Date;
  readonly idPrefix?: string;
}

export class HubConflictError extends Error {}

const INSTANCES_PARTITION = 'instances';
const PARTITIONS_PER_QUERY = 15;
const ENDED = new Set<RuntimeStatus>(['Completed', 'Failed', 'Terminated']);

export function hasEnded(status: RuntimeStatus): boolean {
  return ENDED.has(status);
}

type Row = Record<string, unknown>;

export class HubStore {
  readonly #instances: TableClient;
  readonly #history: TableClient;
  readonly #large: LargeTexts;
  readonly #patience: PatienceOptions;

  constructor(storage: Storage, hubName: string, patience: PatienceOptions) {
    this.#instances = storage.table(`${hubName}Instances`);
    this.#history = storage.table(`${hubName}History`);
    this.#large = new LargeTexts(storage, `${hubName.toLowerCase()}-largemessages`, patience);
    this.#patience = patience;
  }

  async create(): Promise<void> {
    await Promise.all(
      [this.#instances, this.#history].map((table) =>
        withPatience(async () => {
          await table.createTable();
        }, this.#patience),
      ),
    );
  }

  prepareLargeTexts(): Promise<void> {
    return this.#large.prepare();
  }

  async writeInstance(record: InstanceRecord): Promise<void> {
    const { parent } = record;
    const entity = {
      partitionKey: INSTANCES_PARTITION,
      rowKey: encodeKey(record.instanceId),
      instanceId: record.instanceId,
      executionId: record.executionId,
      name: record.name,
      version: record.version,
      status: record.status,
      live: !hasEnded(record.status),
      createdAt: record.createdAt.toISOString(),
      updatedAt: record.updatedAt.toISOString(),
      ...(parent ? { parent: JSON.stringify(parent) } : {}),
      ...(await this.#large.store(record.executionId, 'input', record.input)),
      ...(await this.#large.store(record.executionId, 'output', record.output)),
      ...(await this.#large.store(record.executionId, 'customStatus', record.customStatus)),
    };
    await withPatience(() => this.#instances.upsertEntity(entity, 'Replace'), this.#patience);
  }

  async readInstance(instanceId: string): Promise<InstanceRecord | undefined> {
    try {
      const row = await withPatience(
        () => this.#instances.getEntity<Row>(INSTANCES_PARTITION, encodeKey(instanceId)),
        this.#patience,
      );
      return await this.#toRecord(row);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async readLiveInstances(): Promise<InstanceRecord[]> {
    const rows = await this.#query(
      this.#instances,
      odata`PartitionKey eq ${INSTANCES_PARTITION} and live eq true`,
    );
    return Promise.all(rows.map((row) => this.#toRecord(row)));
  }

  /** A page in the order of instance ids, after the id `after`. */
  async listInstances(
    filter: InstanceFilter,
    limit: number,
    after: string | undefined,
  ): Promise<{ records: InstanceRecord[]; last: string | undefined }> {
    const conditions = [odata`PartitionKey eq ${INSTANCES_PARTITION}`];
    if (after !== undefined) conditions.push(odata`RowKey gt ${after}`);
    if (filter.idPrefix) {
      const prefix = encodeKey(filter.idPrefix);
      conditions.push(odata`RowKey ge ${prefix} and RowKey lt ${`${prefix}\uffff`}`);
    }
    if (filter.createdFrom) {
      conditions.push(odata`createdAt ge ${filter.createdFrom.toISOString()}`);
    }
    if (filter.createdTo) conditions.push(odata`createdAt le ${filter.createdTo.toISOString()}`);
    if (filter.statuses && filter.statuses.length > 0) {
      conditions.push(
        `(${filter.statuses.map((status) => odata`status eq ${status}`).join(' or ')})`,
      );
    }
    const pageSize = Math.min(limit, 1000);
    const rows = await withPatience(async () => {
      const found: Row[] = [];
      const pages = this.#instances
        .listEntities<Row>({ queryOptions: { filter: conditions.join(' and ') } })
        .byPage({ maxPageSize: pageSize });
      for await (const page of pages) {
        found.push(...page);
        if (found.length >= pageSize) break;
      }
      return found.slice(0, pageSize);
    }, this.#patience);
    const records = await Promise.all(rows.map((row) => this.#toRecord(row)));
    const last = rows.length === pageSize ? String(rows.at(-1)?.['rowKey']) : undefined;
    return { records, last };
  }

  /** Adds an episode. It must be new: a second host on the same hub would be found out here. */
  async appendEpisode(executionId: string, episode: Episode): Promise<void> {
    const commitId = randomUUID();
    const rowKey = `h${padded(episode.generation)}-${padded(episode.number)}`;
    const entity = {
      partitionKey: executionId,
      rowKey,
      commitId,
      ...(await this.#large.store(executionId, 'events', episode.events)),
      ...(await this.#large.store(executionId, 'state', episode.state)),
    };
    await withPatience(async () => {
      try {
        await this.#history.createEntity(entity);
      } catch (error) {
        if (!isConflict(error)) throw error;
        // The answer to an earlier try may have been lost on its way.
        const row = await this.#history.getEntity<Row>(executionId, rowKey);
        if (row['commitId'] === commitId) return;
        throw new HubConflictError(
          'Another host works on the same task hub: an episode was written twice.',
        );
      }
    }, this.#patience);
  }

  async addToInbox(executionId: string, message: InboxMessage): Promise<void> {
    const entity = {
      partitionKey: executionId,
      rowKey: `i${padded(message.sequence)}`,
      ...(await this.#large.store(executionId, 'message', message.message)),
    };
    await withPatience(() => this.#history.upsertEntity(entity, 'Replace'), this.#patience);
  }

  async removeFromInbox(executionId: string, sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) {
      await this.#deleteHistory(executionId, `i${padded(sequence)}`);
    }
  }

  async readExecutions(executionIds: readonly string[]): Promise<Map<string, ExecutionLog>> {
    const rows = new Map<string, Row[]>(executionIds.map((id) => [id, []]));
    for (let from = 0; from < executionIds.length; from += PARTITIONS_PER_QUERY) {
      const ids = executionIds.slice(from, from + PARTITIONS_PER_QUERY);
      const filter = ids.map((id) => odata`PartitionKey eq ${id}`).join(' or ');
      for (const row of await this.#query(this.#history, filter)) {
        rows.get(String(row['partitionKey']))?.push(row);
      }
    }
    const logs = new Map<string, ExecutionLog>();
    for (const [id, found] of rows) logs.set(id, await this.#toLog(found));
    return logs;
  }

  /** Removes the episodes of a generation that was continued as new. */
  async removeGeneration(executionId: string, generation: number, count: number): Promise<void> {
    for (let number = 0; number < count; number += 1) {
      await this.#deleteHistory(executionId, `h${padded(generation)}-${padded(number)}`);
    }
  }

  /** Removes an execution's history and its large texts. */
  async removeExecution(executionId: string): Promise<void> {
    const rows = await this.#query(this.#history, odata`PartitionKey eq ${executionId}`);
    for (let from = 0; from < rows.length; from += 100) {
      const part = rows.slice(from, from + 100);
      await withPatience(
        () =>
          this.#history.submitTransaction(
            part.map((row) => [
              'delete',
              { partitionKey: executionId, rowKey: String(row['rowKey']) },
            ]),
          ),
        this.#patience,
      );
    }
    await this.#large.remove(executionId);
  }

  async removeInstance(instanceId: string): Promise<void> {
    await withPatience(async () => {
      try {
        await this.#instances.deleteEntity(INSTANCES_PARTITION, encodeKey(instanceId));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }, this.#patience);
  }

  async #deleteHistory(executionId: string, rowKey: string): Promise<void> {
    await withPatience(async () => {
      try {
        await this.#history.deleteEntity(executionId, rowKey);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }, this.#patience);
  }

  async #query(table: TableClient, filter: string): Promise<Row[]> {
    return withPatience(async () => {
      const rows: Row[] = [];
      const entities = table.listEntities<Row>({ queryOptions: { filter } });
      for await (const entity of entities) rows.push(entity);
      return rows;
    }, this.#patience);
  }

  async #toRecord(row: TableEntityResult<Row> | Row): Promise<InstanceRecord> {
    const parent = row['parent'];
    return {
      instanceId: String(row['instanceId']),
      executionId: String(row['executionId']),
      name: String(row['name']),
      version: typeof row['version'] === 'string' ? row['version'] : '',
      status: row['status'] as RuntimeStatus,
      createdAt: new Date(String(row['createdAt'])),
      updatedAt: new Date(String(row['updatedAt'])),
      parent: typeof parent === 'string' ? (JSON.parse(parent) as ParentTask) : undefined,
      input: await this.#large.load(row, 'input'),
      output: await this.#large.load(row, 'output'),
      customStatus: await this.#large.load(row, 'customStatus'),
    };
  }

  async #toLog(rows: readonly Row[]): Promise<ExecutionLog> {
    const episodes: Episode[] = [];
    const inbox: InboxMessage[] = [];
    const key = (row: Row): string => String(row['rowKey']);
    for (const row of [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1))) {
      if (key(row).startsWith('i')) {
        const message = (await this.#large.load(row, 'message')) ?? 'null';
        inbox.push({ sequence: Number(key(row).slice(1)), message });
        continue;
      }
      const [generation, number] = key(row).slice(1).split('-').map(Number);
      episodes.push({
        generation: generation ?? 0,
        number: number ?? 0,
        events: (await this.#large.load(row, 'events')) ?? '[]',
        state: (await this.#large.load(row, 'state')) ?? '{}',
      });
    }
    return { episodes, inbox };
  }
}

function padded(value: number): string {
  return String(value).padStart(8, '0');
}

/** Table keys allow no slash, backslash, # and ?, and Azurite mistakes a percent sign. */
function encodeKey(id: string): string {
  return id.replace(
    /[/\\#?%!\p{Cc}]/gu,
    (character) => `!${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
