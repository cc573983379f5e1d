import {
  databaseEvent,
  EVENT_TEXT_LIMIT,
  MOST_EVENT_NAMES,
} from '../../shared/contracts/events.ts';
import type { DatabaseRecord, EventRecord, MigrationRef } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** What tells of tables that failed: goes into the database's row with the events themselves. */
export interface FailedTablesNews {
  row: Pick<DatabaseRecord, 'toldTables'>;
  events: EventRecord[];
}

/**
 * Reads which tables failed and gives what to tell about those that were not told of in this run:
 * a function of the database's row, so that it goes into one write with the counters.
 */
export async function failedTablesNews(
  stores: Pick<Stores, 'tables'>,
  ref: MigrationRef,
  database: string,
): Promise<(row: DatabaseRecord) => FailedTablesNews> {
  const options = { state: 'failed', top: MOST_EVENT_NAMES } as const;
  const { rows } = await stores.tables.page(ref.id, database, options);
  const now = new Date().toISOString();
  return (row) => {
    const told = row.toldTables ?? [];
    const news = rows
      .filter(({ tableId }) => !told.includes(tableId))
      .slice(0, Math.max(0, MOST_EVENT_NAMES - told.length));
    if (news.length === 0) return { row: {}, events: [] };
    return {
      row: { toldTables: [...told, ...news.map(({ tableId }) => tableId)] },
      events: news.map(({ tableId, schema, table, endedOn, error }) =>
        databaseEvent('TableFailed', ref, row, endedOn ?? now, {
          tableId,
          schema,
          table,
          error: error.slice(0, EVENT_TEXT_LIMIT),
        }),
      ),
    };
  };
}
