import { createHash } from 'node:crypto';
import path from 'node:path';
import { MigrationError } from '../shared/errors/migrationError.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { createControlSchema, isStepDone, markStep } from '../shared/pg/copy/control.ts';
import { renderArchive } from '../shared/pg/schema/archive.ts';
import type { ArchiveEntry } from '../shared/pg/schema/archive.ts';
import { dumpSchema } from '../shared/pg/schema/dump.ts';
import type { SchemaPlan } from '../shared/pg/schema/plan.ts';
import { planSchema } from '../shared/pg/schema/planSchema.ts';
import { restorePreData } from '../shared/pg/schema/preData.ts';
import { excludedRelations } from './steps/excludedRelations.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { activitySnapshot } from './steps/ownSnapshot.ts';
import { noteNotCarried } from './steps/notCarried.ts';
import { setOperation } from './steps/operation.ts';
import { writeSchemaParts } from './steps/schemaParts.ts';
import { openUnderSnapshot } from './steps/sourceSnapshot.ts';
import { recreateDatabase } from './steps/targetDatabase.ts';
import { makeWorkFolder } from '../shared/pg/schema/workFolder.ts';

const SCHEMA_STEP = 'schema';

/**
 * Dumps the schema under the snapshot and creates on the target what has to be there before rows.
 * Idempotent: the slices of the pre-data carry markers, and a schema that an earlier generation
 * created is kept when it is still the same.
 */
defineActivity('copySchema', async (input, env) => {
  const { ref, database, generation, snapshot } = input;
  await setOperation(env.stores, ref, database, 'Copying the schema');
  await using target = await env.open('target', database);
  // Marked behind the blobs of the schema's parts, so that all are there.
  if (await isStepDone(target, 'preData', generation)) return null;
  const { plan, hash } = await dumpPlan(env, database, generation, snapshot);
  const begun = await begunSchema(target);
  if (begun !== undefined && begun.hash !== hash) {
    await startOver(env, database);
    await using fresh = await env.open('target', database);
    await createControlSchema(fresh, { migrationId: ref.id, database });
    await restore(env, fresh, plan, { hash, database, generation, schemaGeneration: generation });
    return null;
  }
  const schemaGeneration = begun?.generation ?? generation;
  await restore(env, target, plan, { hash, database, generation, schemaGeneration });
  return null;
});

/** What is restored here; the rest waits in the store. */
type PreDataPlan = Pick<SchemaPlan, 'preData' | 'database' | 'leftOut'>;

interface RestoreScope {
  hash: string;
  database: string;
  generation: number;
  /** The generation under whose number the slices of the pre-data are marked. */
  schemaGeneration: number;
}

async function restore(
  env: ActivityEnvironment,
  target: PgSession,
  plan: PreDataPlan,
  scope: RestoreScope,
): Promise<void> {
  const { ref } = env.record;
  await markStep(target, SCHEMA_STEP, scope.schemaGeneration, scope.hash);
  const options = { generation: scope.schemaGeneration, signal: env.signal };
  const notCarried = await restorePreData(target, plan, options);
  await noteNotCarried(env.stores, ref, scope.database, [...plan.leftOut, ...notCarried]);
  await markStep(target, 'preData', scope.generation);
}

async function dumpPlan(
  env: ActivityEnvironment,
  database: string,
  generation: number,
  held: string,
): Promise<{ plan: PreDataPlan; hash: string }> {
  const { ref } = env.record;
  await using folder = await makeWorkFolder();
  const localPath = path.join(folder.path, 'schema.dump');
  await using snapshot = await activitySnapshot(env, database, held);
  // Fails with snapshotLost before pg_dump would fail with a text.
  await using source = await openUnderSnapshot(env, database, snapshot.id);
  await dumpSchema(env.endpoint('source', database), {
    snapshot: snapshot.id,
    archivePath: localPath,
    applicationName: `pgmove/${ref.name}/dump`,
    signal: env.signal,
  });
  const entries = await renderArchive(localPath);
  const excludedTableOids = await excludedRelations(source, env.record.spec);
  const plan = await planSchema(source, entries, { excludedTableOids });
  await writeSchemaParts(env, { database, generation }, plan);
  const { preData, leftOut } = plan;
  return { plan: { preData, leftOut, database: plan.database }, hash: hashOf(entries) };
}

/** Two archives of the same objects have the same hash, whatever numbers the dump gave them. */
function hashOf(entries: readonly ArchiveEntry[]): string {
  const hash = createHash('sha256');
  for (const { type, schema, name, sql } of entries) {
    hash.update(JSON.stringify([type, schema, name, sql]));
  }
  return hash.digest('hex');
}

/** The schema that an earlier run began to create here. */
async function begunSchema(
  target: PgSession,
): Promise<{ generation: number; hash: string } | undefined> {
  const { rows } = await target.query<{ generation: string; detail: string }>(
    'select generation, detail from pgmove.steps where step = $1 order by generation desc limit 1',
    [SCHEMA_STEP],
  );
  const row = rows[0];
  return row === undefined ? undefined : { generation: Number(row.generation), hash: row.detail };
}

/** The source's schema changed between two snapshots: what was created of the old one must go. */
async function startOver(env: ActivityEnvironment, database: string): Promise<void> {
  const row = await env.stores.databases.get(env.record.ref.id, database);
  if (row?.targetCreated !== true) {
    throw new MigrationError(
      'targetOccupied',
      `${database}: the source's schema changed after its snapshot was lost, and the target ` +
        'database was not made by this migration. Empty it (drop its schema pgmove too), then resume.',
    );
  }
  await recreateDatabase(env, database, true);
}
