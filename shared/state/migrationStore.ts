import type { MigrationRecord, MigrationRef } from '../contracts/records.ts';
import { isEnded } from '../contracts/status.ts';
import { MigrationError } from '../errors/migrationError.ts';
import { announceChange } from './changeNotice.ts';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { noticeOutbox } from './outboxNotice.ts';
import { odataText, openRecordTable, partitionFilter } from './recordTable.ts';
import type { RowKey } from './recordTable.ts';
import type {
  BlobStore,
  ChangeMarks,
  ListFilter,
  MigrationFilter,
  MigrationStore,
  QueueStore,
} from './storeInterfaces.ts';

/** Under which the rows of all migrations are marked. */
export const ALL_MIGRATIONS = 'all';

/** Names and scopes are compared without case. */
function keyOf(scope: string, name: string): RowKey {
  return { partitionKey: encodeKey(scope.toLowerCase()), rowKey: encodeKey(name.toLowerCase()) };
}

function filterOf(filter: MigrationFilter): string {
  const parts: string[] = [];
  if (filter.ended !== undefined) parts.push(`ended eq ${filter.ended}`);
  if (filter.hasOutbox !== undefined) parts.push(`hasOutbox eq ${filter.hasOutbox}`);
  if (filter.endedBefore !== undefined) {
    parts.push('ended eq true', `endedOn lt ${odataText(filter.endedBefore)}`);
  }
  return parts.join(' and ');
}

function scopeFilter(scope: string, filter: ListFilter): string {
  const partition = partitionFilter(keyOf(scope, '').partitionKey);
  return filter === 'All' ? partition : `${partition} and ended eq false`;
}

export function openMigrationStore(
  clients: Clients,
  blobs: BlobStore,
  queues: QueueStore,
  marks: ChangeMarks,
): MigrationStore {
  const rows = openRecordTable<MigrationRecord>(clients, blobs, {
    kind: 'migrations',
    keyOf: (record) => keyOf(record.ref.scope, record.ref.name),
    columnsOf: (record) => ({
      migrationId: record.ref.id,
      state: record.status.state,
      ended: isEnded(record.status),
      endedOn: record.endedOn,
    }),
    eventIdOf: (record) => record.ref.id,
    // Every activity reads it, and it names all databases of the migration.
    isSteady: true,
    onWritten: () => marks.touch('rows', ALL_MIGRATIONS),
  });

  /** The row of another migration that took the name after a purge counts as absent. */
  const ofRef = (ref: MigrationRef, record: MigrationRecord | undefined) =>
    record?.ref.id === ref.id ? record : undefined;
  const missing = (ref: MigrationRef) =>
    new MigrationError('invalidInput', `There is no migration '${ref.name}' (${ref.id}).`);

  const get = async (ref: MigrationRef) => ofRef(ref, await rows.read(keyOf(ref.scope, ref.name)));
  return {
    get,
    find: (scope, name) => rows.read(keyOf(scope, name)),
    list: (scope, filter) => rows.list(scopeFilter(scope, filter)),
    page: (scope, filter, options = {}) =>
      rows.page(scopeFilter(scope, filter), options.top ?? 100, options.continuation),
    listEverywhere: (filter = {}) => rows.list(filterOf(filter)),

    create: async (record, events = []) => {
      await rows.insert(record, events);
      if (events.length > 0) await noticeOutbox(queues, { ref: record.ref });
    },

    update: async (ref, change) => {
      const updated = await rows.update(keyOf(ref.scope, ref.name), (record) => {
        if (record.ref.id !== ref.id) throw missing(ref);
        return change(record);
      });
      announceChange(ref.id);
      if (updated.hasNewEvents) await noticeOutbox(queues, { ref });
      return updated.record;
    },

    delete: async (ref) => {
      await marks.delete('migration', ref.id);
      if ((await get(ref)) !== undefined) await rows.delete(keyOf(ref.scope, ref.name));
      await marks.touch('rows', ALL_MIGRATIONS);
    },

    outbox: async (ref) => {
      const row = await rows.readOutbox(keyOf(ref.scope, ref.name));
      return row?.record.ref.id === ref.id ? row.outbox : [];
    },
    clearOutbox: (ref, ids) => rows.clearOutbox(keyOf(ref.scope, ref.name), ids),
  };
}
