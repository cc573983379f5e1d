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

/** One look at a migration's row serves all of its activities in this process. */
interface Watched {
  timer: NodeJS.Timeout;
  onRecord: Set<(record: MigrationRecord) => void>;
}

const watchedById = new Map<string, Watched>();

/** Looks at the row once a second while an activity works, and aborts it when a cancel is wanted. */
export function watchCancel(
  stores: Stores,
  ref: MigrationRef,
  database: string | undefined,
  ignored: boolean,
): CancelWatch {
  const controller = new AbortController();
  if (ignored) return { signal: controller.signal, stop: () => undefined };
  const onRecord = (record: MigrationRecord) => {
    if (!isCancelWanted(record, database)) return;
    controller.abort(
      new MigrationError('canceled', `The migration ${ref.name} is being canceled.`),
    );
  };
  const watched = watchedById.get(ref.id) ?? beginWatch(stores, ref);
  watched.onRecord.add(onRecord);
  return {
    signal: controller.signal,
    stop: () => {
      watched.onRecord.delete(onRecord);
      if (watched.onRecord.size > 0) return;
      clearInterval(watched.timer);
      if (watchedById.get(ref.id) === watched) watchedById.delete(ref.id);
    },
  };
}

function beginWatch(stores: Stores, ref: MigrationRef): Watched {
  const onRecord: Watched['onRecord'] = new Set();
  const look = () => {
    stores.migrations.get(ref).then(
      (record) => {
        if (record !== undefined) for (const tell of onRecord) tell(record);
      },
      // Storage that does not answer cancels nothing; the next look may succeed.
      () => undefined,
    );
  };
  const watched: Watched = { timer: setInterval(look, LOOK_EVERY_MS), onRecord };
  watchedById.set(ref.id, watched);
  return watched;
}
