import type { TargetPreparation } from '../shared/contracts/activities.ts';
import type { DatabaseRecord } from '../shared/contracts/records.ts';
import { transitionDatabase } from '../shared/contracts/transitions.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import { createControlSchema, isStepDone } from '../shared/pg/copy/control.ts';
import { dropForeignKeys } from '../shared/pg/schema/foreignKeys.ts';
import type { TargetDatabaseState } from '../shared/pg/schema/database.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { lookAtTarget, recreateDatabase } from './steps/targetDatabase.ts';

/**
 * Makes the target database ready to be filled: created, or emptied where that was confirmed, and
 * marked as this migration's. Idempotent: a database that is marked is left as it is.
 */
defineActivity('prepareTarget', async ({ ref, database }, env) => {
  const row = await env.stores.databases.get(ref.id, database);
  if (row === undefined) throw new MigrationError('internal', `There is no row of ${database}.`);
  if (row.state === 'Succeeded' || row.targetComplete === true) return done('done', row);
  const now = new Date().toISOString();
  await env.stores.databases.update(ref.id, database, (current) =>
    // A resume reopens the rows behind its own; after a crash in between they still say Failed.
    transitionDatabase(ref, current, 'InProgress', now, {
      operation: 'Preparing the target database',
      startedOn: current.startedOn ?? now,
      message: '',
      toldTables: undefined,
      endedOn: undefined,
    }),
  );
  const { state, isOurs } = await lookAtTarget(env, database);
  if (isOurs) {
    if (env.record.spec.mode === 'Online') {
      const generation = await streamGeneration(env, row);
      if (row.generation > 0 && generation > row.generation) await emptyTarget(env, row);
      return { resumeAt: 'copy', generation };
    }
    if (await isCopyComplete(env, row)) return done('afterCopy', row);
    return { resumeAt: 'copy', generation: await nextGeneration(env, row) };
  }
  await makeDatabase(env, row, state);
  await using target = await env.open('target', database);
  await createControlSchema(target, { migrationId: ref.id, database });
  return { resumeAt: 'copy', generation: await nextGeneration(env, row) };
});

function done(resumeAt: TargetPreparation['resumeAt'], row: DatabaseRecord): TargetPreparation {
  return { resumeAt, generation: row.generation + 1 };
}

/** A snapshot that is held, or on its way, goes on: what was copied under it is not copied again. */
async function nextGeneration(env: ActivityEnvironment, row: DatabaseRecord): Promise<number> {
  const replication = await env.stores.replications.get(row.migrationId, row.database);
  if (replication?.desired.phase !== 'holdSnapshot') return row.generation + 1;
  const { desired, observed } = replication;
  const isCurrent = desired.generation === row.generation;
  // Asked for and not answered yet, or held: either way this generation is to be copied.
  const isPending = !('generation' in observed) || observed.generation < row.generation;
  const isHeld = observed.phase === 'snapshotHeld' && observed.generation === row.generation;
  return isCurrent && (isPending || isHeld) ? row.generation : row.generation + 1;
}

/** A slot that is there goes on, with all that was copied beside it; one that is lost voids it. */
async function streamGeneration(env: ActivityEnvironment, row: DatabaseRecord): Promise<number> {
  const replication = await env.stores.replications.get(row.migrationId, row.database);
  if (replication?.desired.phase !== 'stream' || row.generation === 0) return row.generation + 1;
  const { observed } = replication;
  const isLost = observed.phase === 'streamFailed' && observed.isSlotLost;
  return isLost && observed.generation === row.generation ? row.generation + 1 : row.generation;
}

/** Everything is copied again, and what was made after the copy (foreign keys) would be in its way. */
async function emptyTarget(env: ActivityEnvironment, row: DatabaseRecord): Promise<void> {
  const { database } = row;
  if (row.targetCreated === true) {
    await recreateDatabase(env, database, true);
    await using target = await env.open('target', database);
    await createControlSchema(target, { migrationId: env.record.ref.id, database });
    return;
  }
  await using target = await env.open('target', database);
  await dropForeignKeys(target);
}

async function isCopyComplete(env: ActivityEnvironment, row: DatabaseRecord): Promise<boolean> {
  if (row.generation === 0) return false;
  await using session = await env.open('target', row.database);
  return await isStepDone(session, 'copyComplete', row.generation);
}

async function makeDatabase(
  env: ActivityEnvironment,
  row: DatabaseRecord,
  state: TargetDatabaseState,
): Promise<void> {
  const { database } = row;
  const name = env.targetName(database);
  if (state.state === 'empty') return;
  if (state.state === 'hasObjects' && !env.record.wanted.overwriteDbsInTarget) {
    throw new MigrationError(
      'targetOccupied',
      `${database}: the target database ${name} has objects (${state.objects.join(', ')}). Set ` +
        'overwriteDbsInTarget to "True" to replace it, or name another one in targetDbNames.',
    );
  }
  // Noted before it is done: whoever made the database may make it again after a lost snapshot.
  await env.stores.databases.update(env.record.ref.id, database, (current) => ({
    record: { ...current, targetCreated: true },
  }));
  await recreateDatabase(env, database, state.state === 'hasObjects');
}
