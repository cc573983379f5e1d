/**
 * The activities of an offline migration without servers: each does to the state what the real one does,
 * and nothing else. Those that only work on the state (claimDatabase, claimUnit, endCopy) are the real ones.
 */
import * as df from 'durable-functions';
import type { BatchPlan } from '../../activities/steps/batchPlan.ts';
import {
  laneCountOf,
  plannedWork,
  tableRecords,
  writePlans,
} from '../../activities/steps/databasePlan.ts';
import { batchPath } from '../../shared/contracts/blobPaths.ts';
import type {
  ActivityInput,
  ActivityName,
  ActivityOutput,
} from '../../shared/contracts/activities.ts';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import type { MigrationRecord, TableRecord } from '../../shared/contracts/records.ts';
import { runtime } from '../../shared/state/runtime.ts';
import type { Runtime } from '../../shared/state/runtime.ts';
import { indexCountOf, simulatedPlan } from './plans.ts';
import { tablesOf } from './sizes.ts';
import type { Size } from './sizes.ts';
import { countInto } from './statistics.ts';

interface Simulation {
  size: Size;
  statistics: string;
  ports: Record<string, string>;
  /** Of each table. */
  indexes: number;
  jobs: number;
}

const simulation = JSON.parse(process.env['PGMOVE_SIMULATION'] ?? '{}') as Simulation;
countInto(simulation.statistics, simulation.ports);

function fake<Name extends ActivityName>(
  name: Name,
  work: (
    input: ActivityInput<Name>,
    env: Runtime,
    record: MigrationRecord,
  ) => Promise<ActivityOutput<Name>>,
): void {
  df.app.activity(name, {
    handler: async (input: unknown) => {
      const env = await runtime();
      const given = input as ActivityInput<Name>;
      // Every activity reads the migration first.
      const record = await env.stores.migrations.get(given.ref);
      if (record === undefined) throw new Error('The row of the migration is missing.');
      return { ok: true, value: await work(given, env, record) };
    },
  });
}

const nothing = () => Promise.resolve(null);

fake('passGates', async ({ ref }, { stores }) => {
  const rows = await stores.databases.list(ref.id);
  return {
    next: 'go',
    databases: rows.map(({ database }) => database),
    jobs: simulation.jobs,
    validate: true,
    migrate: true,
    verify: false,
    online: false,
    roles: false,
    dryRun: false,
  };
});
fake('validateServers', () => Promise.resolve({ failed: false }));
fake('validateDatabase', () => Promise.resolve({ failed: false }));
fake('finishValidation', () => Promise.resolve({ failed: false }));
fake('prepareTarget', async ({ ref, database }, { stores }) => {
  const now = new Date().toISOString();
  await stores.databases.update(ref.id, database, (row) =>
    transitionDatabase(ref, row, 'InProgress', now),
  );
  return { resumeAt: 'copy', generation: 1 };
});
fake('requestSnapshot', nothing);
fake('readReplication', ({ generation }) =>
  Promise.resolve({
    phase: 'snapshotHeld',
    generation,
    snapshot: '00000003-0000001B-1',
    since: new Date().toISOString(),
  }),
);
fake('copySchema', nothing);

// Divided by what the real one calls, so that its units are as many as that one's.
fake('planCopy', async (input, { stores }, { spec }) => {
  const { ref, database, jobs, openDatabases } = input;
  const tables = tablesOf(simulation.size);
  const { indexes } = simulation;
  const plan = simulatedPlan(tables, { spec, jobs, openDatabases, indexes });
  const units = await writePlans(stores, input, plan);
  await stores.tables.putMany(ref.id, database, tableRecords(tables, plan.batches));
  const counts = { batchCount: plan.batches.length, tableCount: tables.length };
  await stores.copyWork.put(plannedWork(input, counts, false));
  await stores.databases.update(ref.id, database, (row) => ({
    record: { ...row, operation: 'Copying tables', tablesTotal: tables.length },
  }));
  return { laneCount: laneCountOf(jobs, units) };
});

async function planOf(
  { stores }: Runtime,
  { ref, database, generation, batch }: ActivityInput<'copyBatch'> | ActivityInput<'buildIndex'>,
): Promise<BatchPlan> {
  const plan = await stores.blobs.getJson<BatchPlan>(
    batchPath(ref.id, database, generation, batch),
  );
  if (plan === undefined) throw new Error(`The plan of batch ${batch} is missing.`);
  return plan;
}

fake('copyBatch', async (input, env) => {
  const { batch, hasIndexUnits, indexWork } = await planOf(env, input);
  const ids = batch.items.map(({ oid }) => String(oid));
  const note = (state: TableRecord['state']) =>
    env.stores.tables.updateMany(
      input.ref.id,
      input.database,
      ids.map((tableId) => ({ tableId, state })),
    );
  await note('copying');
  if (!hasIndexUnits) await note('completed');
  const [item] = batch.items;
  return {
    tablesDone: ids.length,
    tablesFailed: 0,
    rows: Math.ceil(batch.bytes / 100),
    bytes: batch.bytes,
    indexCount: hasIndexUnits ? indexCountOf({ indexWork }) : 0,
    ...(item?.part === undefined
      ? {}
      : { part: { tableId: String(item.oid), partCount: item.part.count } }),
  };
});
fake('buildIndex', async (input, env) => {
  await planOf(env, input);
  return null;
});
fake('finishTable', async ({ ref, database, generation, batch }, env) => {
  const plan = await planOf(env, { ref, database, generation, batch, index: 0 });
  const tableId = String(plan.batch.items[0]?.oid);
  await env.stores.tables.updateMany(ref.id, database, [{ tableId, state: 'completed' }]);
  return null;
});
fake('finishCopy', async ({ ref, database }, { stores }) => {
  let failedTables = 0;
  for await (const { state } of stores.tables.all(ref.id, database, ['state'])) {
    if (state !== 'completed') failedTables += 1;
  }
  return { failedTables };
});
fake('restorePostData', nothing);
fake('finishTarget', nothing);
fake('completeDatabase', async ({ ref, database, outcome }, { stores }) => {
  const now = new Date().toISOString();
  await stores.databases.update(ref.id, database, (row) =>
    transitionDatabase(ref, row, outcome, now),
  );
  return null;
});
fake('completeMigration', async ({ ref }, { stores }) => {
  const rows = await stores.databases.list(ref.id);
  const isDone = rows.every((row) => row.state === 'Succeeded');
  const subState = 'Completed';
  const end = isDone
    ? ({ state: 'Succeeded', subState } as const)
    : ({ state: 'Failed', subState, error: 'Not all databases succeeded.' } as const);
  const now = new Date().toISOString();
  await stores.migrations.update(ref, (row) => transitionMigration(row, end, now));
  return { state: end.state };
});
