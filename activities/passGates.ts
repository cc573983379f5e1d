import type { GateOutcome } from '../shared/contracts/activities.ts';
import type { DatabaseRecord, MigrationRecord } from '../shared/contracts/records.ts';
import { QUEUES } from '../shared/contracts/names.ts';
import { newDatabaseRecord } from '../shared/contracts/newRows.ts';
import type { WaitingGate } from '../shared/contracts/status.ts';
import { transitionMigration } from '../shared/contracts/transitions.ts';
import { noteArmServers } from './steps/armMetadata.ts';
import { readArmServers } from './steps/armServers.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { checkServers } from './steps/serverCheck.ts';
import type { SourceDatabase } from './steps/serverCheck.ts';
import { readySource } from './steps/logicalReplicationGate.ts';
import { lookAtTarget } from './steps/targetDatabase.ts';

/** The wait before an attempt that is not followed by many more. */
const PATIENCE_MS = 15_000;

/**
 * Looks at both servers and at what the row wants, and says which gate holds the migration, if any.
 * Called again after every wake-up; writes nothing but the migration's own rows.
 */
defineActivity('passGates', async ({ ref, delayMs = 0 }, env): Promise<GateOutcome> => {
  const { record } = env;
  const { wanted, spec } = record;
  await moveTo(env, { state: 'InProgress', subState: 'PerformingPreRequisiteSteps' });
  // The replicator will be asked for a snapshot soon: it looks at its queue more often from now on.
  await env.stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id: ref.id }));
  // A validation by itself is asked for now; what is to migrate afterwards may wait for a server.
  const isPatient = spec.option !== 'Validate' && delayMs < PATIENCE_MS;
  const check = await checkServers(env, { isPatient });
  if ('problem' in check) return { next: 'failed', message: check.problem };
  await env.stores.migrations.update(ref, (row) => ({
    record: {
      ...row,
      sourceMetadata: { ...row.sourceMetadata, ...check.source },
      targetMetadata: { ...row.targetMetadata, ...check.target },
    },
  }));
  if (wanted.databases.length === 0) return await wait(env, 'WaitingForDBsToMigrateSpecification');
  const { databases } = check;
  await createRows(env, databases);
  const names = databases.map(({ name }) => name);
  const held = check.isForValidation === true ? undefined : await heldBack(env, databases);
  if (held !== undefined) return held;
  const validate = spec.option !== 'Migrate';
  // A validation does it by itself.
  if (!validate) await noteArmServers(env, await readArmServers(env.settings, record));
  await moveTo(env, {
    state: 'InProgress',
    subState: validate ? 'ValidationInProgress' : 'MigratingData',
  });
  return {
    next: 'go',
    databases: names,
    jobs: spec.jobs,
    validate,
    migrate: spec.option !== 'Validate',
    verify: spec.verify !== 'none',
    online: spec.mode === 'Online',
    roles: spec.migrateRoles,
    dryRun: validate && spec.dryRunSchema === true,
  };
});

/** The gates between the servers' check and the work, in their order. */
async function heldBack(
  env: ActivityEnvironment,
  databases: readonly SourceDatabase[],
): Promise<GateOutcome | undefined> {
  const { spec, wanted } = env.record;
  if (spec.option === 'Validate') return undefined;
  const names = databases.map(({ name }) => name);
  const unready = await passReplicationGate(env, names, false);
  if (unready !== undefined) return unready;
  if (!wanted.overwriteDbsInTarget && (await occupiedTargets(env, databases))) {
    return await wait(env, 'WaitingForTargetDBOverwriteConfirmation');
  }
  const held = schedule(env.record, Date.now());
  if (held !== undefined) return await wait(env, held.gate, held.until);
  return await passReplicationGate(env, names, true);
}

type State = MigrationRecord['status'];

async function moveTo(env: ActivityEnvironment, state: State): Promise<void> {
  await env.stores.migrations.update(env.record.ref, (row) =>
    transitionMigration(row, state, new Date().toISOString()),
  );
}

async function wait(
  env: ActivityEnvironment,
  gate: WaitingGate,
  until?: string,
): Promise<GateOutcome> {
  await moveTo(env, { state: 'WaitingForUserAction', subState: gate });
  return { next: 'wait', ...(until === undefined ? {} : { until }) };
}

/** The gate that time holds: not asked to start, or the window has not begun. */
function schedule(
  { wanted }: MigrationRecord,
  now: number,
): { gate: WaitingGate; until?: string } | undefined {
  if (wanted.startDataMigration) return undefined;
  if (wanted.windowStart === undefined) return { gate: 'WaitingForDataMigrationScheduling' };
  if (Date.parse(wanted.windowStart) <= now) return undefined;
  return { gate: 'WaitingForDataMigrationWindow', until: wanted.windowStart };
}

/** One row per database, once; a run after a resume finds them. */
async function createRows(
  env: ActivityEnvironment,
  databases: readonly SourceDatabase[],
): Promise<void> {
  const { id } = env.record.ref;
  const rows = await env.stores.databases.list(id);
  const wanted = new Set(databases.map(({ name }) => name));
  const isBegun = rows.some(({ startedOn }) => startedOn !== undefined);
  // The list may change as long as a gate holds the migration.
  const isStale = !isBegun && rows.some(({ database }) => !wanted.has(database));
  if (isStale) await env.stores.databases.deleteAll(id);
  const known = new Set(isStale ? [] : rows.map(({ database }) => database));
  await Promise.all(
    databases.flatMap((database, order) =>
      known.has(database.name)
        ? []
        : [env.stores.databases.put(newRow(id, database, env.targetName(database.name), order))],
    ),
  );
}

function newRow(
  migrationId: string,
  { name: database, bytes: bytesTotal }: SourceDatabase,
  targetDatabase: string,
  order: number,
): DatabaseRecord {
  const row = newDatabaseRecord({ migrationId, database, targetDatabase, order });
  return { ...row, operation: 'Waiting', bytesTotal };
}

/** What the source's readiness for a stream makes of the gates; undefined: it holds nobody. */
async function passReplicationGate(
  env: ActivityEnvironment,
  databases: readonly string[],
  isLast: boolean,
): Promise<GateOutcome | undefined> {
  if (env.record.spec.mode !== 'Online') return undefined;
  const readiness = await readySource(env, databases, isLast);
  if (readiness.next === 'failed') return readiness;
  await tellDatabases(env, databases, readiness.next === 'wait' ? readiness.message : '');
  if (readiness.next === 'go') return undefined;
  return await wait(env, 'WaitingForLogicalReplicationSetupRequestOnSourceDB');
}

/** A gate has no text of its own: why it holds stands with the databases that have not begun. */
async function tellDatabases(
  env: ActivityEnvironment,
  databases: readonly string[],
  message: string,
): Promise<void> {
  for (const database of databases) {
    await env.stores.databases.update(env.record.ref.id, database, (row) =>
      row.state !== 'InProgress' || row.startedOn !== undefined || row.message === message
        ? undefined
        : { record: { ...row, message } },
    );
  }
}

/** Whether a target database holds objects that this migration did not put there. */
async function occupiedTargets(
  env: ActivityEnvironment,
  databases: readonly SourceDatabase[],
): Promise<boolean> {
  for (const { name } of databases) {
    const row = await env.stores.databases.get(env.record.ref.id, name);
    if (row?.state === 'Succeeded' || row?.targetComplete === true) continue;
    const { state, isOurs } = await lookAtTarget(env, name);
    if (state.state === 'hasObjects' && !isOurs) return true;
  }
  return false;
}
