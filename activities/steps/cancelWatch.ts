import type { MigrationRecord, MigrationRef } from '../../shared/contracts/records.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import type { Stores } from '../../shared/state/stores.ts';

const LOOK_EVERY_MS = 1_000;

/** Whether the row asks to cancel all of the migration, or this database of it. */
export function isCancelWanted(record: MigrationRecord, database?: string): boolean {
  const { cancel, cancelDatabases } = record.wanted;
  if (!cancel) return false;
  if (cancelDatabases.length === 0) return true;
  return database !== undefined && cancelDatabases.includes(database);
}

export interface CancelWatch {
  signal: AbortSignal;
  stop(): void;
}

/** Looks at the row once a second while an activity works, and aborts it when a cancel is wanted. */
export function watchCancel(
  stores: Stores,
  ref: MigrationRef,
  database: string | undefined,
  ignored: boolean,
): CancelWatch {
  const controller = new AbortController();
  if (ignored) return { signal: controller.signal, stop: () => undefined };
  const timer = setInterval(() => {
    stores.migrations.get(ref).then(
      (record) => {
        if (record !== undefined && isCancelWanted(record, database)) {
          controller.abort(
            new MigrationError('canceled', `The migration ${ref.name} is being canceled.`),
          );
        }
      },
      // Storage that does not answer cancels nothing; the next look may succeed.
      () => undefined,
    );
  }, LOOK_EVERY_MS);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}
