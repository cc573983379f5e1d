import type { TransactionAction } from '@azure/data-tables';
import type { TableRecord } from '../contracts/records.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { odataText, partitionFilter } from './recordTable.ts';
import type { ChangeMarks, TablePatch, TableStore } from './storeInterfaces.ts';
import { decodeTable, encodeTable } from './tableRows.ts';

/** A transaction's limit. */
const ROWS_PER_TRANSACTION = 100;
const TRANSACTIONS_AT_ONCE = 4;

type RawRow = Record<string, unknown>;

/** Under which the tables of a database are marked. */
export function tablesMark(migrationId: string, database: string): string {
  return `${migrationId}/${database}`;
}

/** Rows of plain columns, so that progress is merged without reading. */
export function openTableStore(clients: Clients, marks: ChangeMarks): TableStore {
  const partitionOf = (migrationId: string, database: string) =>
    encodeKey(`${migrationId}/${database}`);

  async function write(
    migrationId: string,
    database: string,
    rows: readonly TablePatch[],
    mode: 'Replace' | 'Merge',
  ): Promise<void> {
    const partitionKey = partitionOf(migrationId, database);
    // A transaction may name a row only once; the later values win.
    const byId = new Map<string, TablePatch>();
    for (const row of rows) byId.set(row.tableId, { ...byId.get(row.tableId), ...row });
    const actions = [...byId.values()].map((row): TransactionAction => {
      const entity = { partitionKey, rowKey: encodeKey(row.tableId), ...encodeTable(row) };
      return ['upsert', entity, mode];
    });
    await submit(actions);
    await marks.touch('tables', tablesMark(migrationId, database));
  }

  async function submit(actions: readonly TransactionAction[]): Promise<void> {
    const client = await clients.table('tables');
    let next = 0;
    const worker = async () => {
      while (next < actions.length) {
        const chunk = actions.slice(next, next + ROWS_PER_TRANSACTION);
        next += chunk.length;
        await client.submitTransaction(chunk);
      }
    };
    await Promise.all(Array.from({ length: TRANSACTIONS_AT_ONCE }, worker));
  }

  return {
    putMany: (migrationId, database, rows) => write(migrationId, database, rows, 'Replace'),
    updateMany: (migrationId, database, patches) => write(migrationId, database, patches, 'Merge'),

    page: async (migrationId, database, options = {}) => {
      const client = await clients.table('tables');
      const partition = partitionFilter(partitionOf(migrationId, database));
      const filter =
        options.state === undefined
          ? partition
          : `${partition} and state eq ${odataText(options.state)}`;
      const pages = client
        .listEntities<RawRow>({ queryOptions: { filter } })
        .byPage({ maxPageSize: options.top ?? 100, continuationToken: options.continuation });
      const { value } = await pages.next();
      const rows: TableRecord[] = ((value ?? []) as RawRow[]).map(decodeTable);
      const continuation = (value as { continuationToken?: string } | undefined)?.continuationToken;
      return continuation === undefined ? { rows } : { rows, continuation };
    },

    all: async function* (migrationId, database, columns) {
      const client = await clients.table('tables');
      const filter = partitionFilter(partitionOf(migrationId, database));
      const queryOptions = columns === undefined ? { filter } : { filter, select: [...columns] };
      for await (const row of client.listEntities<RawRow>({ queryOptions })) {
        yield decodeTable(row);
      }
    },

    deleteAll: async (migrationId, database) => {
      const client = await clients.table('tables');
      const partitionKey = partitionOf(migrationId, database);
      const actions: TransactionAction[] = [];
      const queryOptions = { filter: partitionFilter(partitionKey), select: ['RowKey'] };
      for await (const row of client.listEntities<RawRow>({ queryOptions })) {
        actions.push(['delete', { partitionKey, rowKey: String(row.rowKey) }]);
      }
      await submit(actions);
      await marks.delete('tables', tablesMark(migrationId, database));
    },
  };
}
