import { stateConflict } from '../../shared/api/errors.ts';
import { instanceIdOf } from '../../shared/contracts/names.ts';
import type { MigrationRecord, MigrationRef } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import type { Transition } from '../../shared/contracts/transitions.ts';
import type { Stores } from '../../shared/state/stores.ts';
import { purgeCarried } from '../durable/carrier.ts';
import { answerMigration, requireMigration } from './answers.ts';
import type { ApiHandler } from './call.ts';
import { startBestEffort } from './createMigration.ts';

/** POST …/resume: another run of the same migration, which goes on from what the target holds. */
export const resumeMigration: ApiHandler = async (call) => {
  const record = await requireMigration(call);
  const now = new Date().toISOString();
  const resumed = await call.stores.migrations.update(record.ref, (current) =>
    reopen(current, now),
  );
  await reopenDatabases(call.stores, record.ref, now);
  await startBestEffort(call, resumed);
  return answerMigration(call, resumed);
};

function reopen(record: MigrationRecord, now: string): Transition<MigrationRecord> {
  const { status } = record;
  if (status.state === 'Succeeded' || !isEnded(status)) {
    throw stateConflict(
      `Only a failed or canceled migration can be resumed; '${record.ref.name}' is ${status.state}/${status.subState}.`,
    );
  }
  const run = record.run + 1;
  const begin = { state: 'InProgress', subState: 'PerformingPreRequisiteSteps' } as const;
  const { record: opened, events } = transitionMigration(record, begin, now);
  return {
    record: {
      ...opened,
      run,
      instanceId: instanceIdOf(record.ref.id, run),
      wanted: { ...record.wanted, cancel: false, cancelDatabases: [] },
      validation: undefined,
      startedOn: now,
    },
    events,
  };
}

/** The run takes up every database that has not succeeded. */
async function reopenDatabases(stores: Stores, ref: MigrationRef, now: string): Promise<void> {
  for (const { database } of await stores.databases.list(ref.id)) {
    await stores.databases.update(ref.id, database, (current) =>
      current.state === 'Failed' || current.state === 'Canceled'
        ? transitionDatabase(ref, current, 'InProgress', now, { message: '', operation: '' })
        : undefined,
    );
  }
}

/** POST …/purge: removes what is kept of an ended migration, by an orchestration of its own. */
export const purgeMigration: ApiHandler = async (call) => {
  const record = await requireMigration(call);
  if (!isEnded(record.status)) {
    throw stateConflict(
      `Only an ended migration can be purged; '${record.ref.name}' is ${record.status.state}: cancel it first.`,
    );
  }
  await purgeCarried(call, record);
  const resource = call.request.url.replace(/\/purge(?=$|[/?])/i, '');
  return { status: 202, headers: { location: resource, 'retry-after': '2' } };
};
