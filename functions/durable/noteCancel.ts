import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isDatabaseEnded, isEnded } from '../../shared/contracts/status.ts';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import type { Stores } from '../../shared/state/stores.ts';

/**
 * Says in the states that a cancel is on its way. The row's wanted state is what cancels: activities
 * look at it, and a crash before this leaves only the states behind.
 */
export async function noteCancel(
  stores: Stores,
  record: MigrationRecord,
): Promise<MigrationRecord> {
  const { ref, wanted } = record;
  if (!wanted.cancel || isEnded(record.status)) return record;
  const now = new Date().toISOString();
  for (const { database } of await stores.databases.list(ref.id)) {
    if (wanted.cancelDatabases.length > 0 && !wanted.cancelDatabases.includes(database)) continue;
    await stores.databases.update(ref.id, database, (row) =>
      isDatabaseEnded(row.state) || row.startedOn === undefined
        ? undefined
        : transitionDatabase(ref, row, 'Canceling', now),
    );
  }
  return await stores.migrations.update(ref, (row) =>
    isEnded(row.status)
      ? undefined
      : transitionMigration(
          row,
          { state: 'InProgress', subState: 'CancelingRequestedDBMigrations' },
          now,
        ),
  );
}
