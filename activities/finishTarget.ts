import { MigrationError } from '../shared/errors/migrationError.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { analyze, staleTables } from '../shared/pg/schema/analyze.ts';
import { copyDatabaseProperties } from '../shared/pg/schema/databaseProperties.ts';
import { copyLargeObjectMetadata } from '../shared/pg/schema/largeObjectMetadata.ts';
import { switchOn } from '../shared/pg/schema/firingObjects.ts';
import { refreshMaterializedViews } from '../shared/pg/schema/materializedViews.ts';
import { notCarriedList } from '../shared/pg/schema/notCarried.ts';
import type { NotCarried } from '../shared/pg/schema/notCarried.ts';
import { applyOwnership } from '../shared/pg/schema/ownership.ts';
import { restorePostData } from '../shared/pg/schema/postData.ts';
import { applyPrivileges } from '../shared/pg/schema/privileges.ts';
import { copySequences } from '../shared/pg/schema/sequences.ts';
import { noteCompleting } from './steps/completing.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { lostUnlogged } from './steps/lostUnlogged.ts';
import { noteNotCarried } from './steps/notCarried.ts';
import { setOperation } from './steps/operation.ts';
import { copiedGeneration, readSchemaPart } from './steps/schemaParts.ts';

/** Foreign keys, triggers, rules, policies and all that has to come after the rows. Idempotent. */
defineActivity('restorePostData', async ({ ref, database, jobs }, env) => {
  await noteCompleting(env, database);
  await setOperation(env.stores, ref, database, 'Creating foreign keys, triggers and rules');
  const generation = await copiedGeneration(env, database);
  const plan = await readSchemaPart(env, 'postData', { database, generation });
  const open = () => env.open('target', database);
  const notCarried = await restorePostData(open, plan, { generation, jobs, signal: env.signal });
  await noteNotCarried(env.stores, ref, database, notCarried);
  // Online, a cutover that failed behind this step has switched them off.
  await using target = await open();
  await switchOn(target);
  return null;
});

/**
 * Sequences, materialized views, statistics, then owners and privileges: until here the target's
 * user owns everything, so that it may do everything. Idempotent: each step sets what it sets again.
 */
defineActivity('finishTarget', async ({ ref, database, jobs }, env) => {
  // Other databases may have ended since the step before.
  await noteCompleting(env, database);
  const generation = await copiedGeneration(env, database);
  const plan = await readSchemaPart(env, 'finish', { database, generation });
  const note = (items: Parameters<typeof noteNotCarried>[3]) =>
    noteNotCarried(env.stores, ref, database, items);
  const operation = (text: string) => setOperation(env.stores, ref, database, text);
  await using target = await env.open('target', database);
  await using source = await env.open('source', database);
  await operation('Setting sequences');
  await copySequences(source, target, { excludedOids: plan.leftOutRelationOids });
  await operation('Refreshing materialized views');
  await note(await refreshMaterializedViews(target, plan, { signal: env.signal }));
  await operation('Analyzing tables');
  const open = () => env.open('target', database);
  // Online it was done before the cutover: only what has changed much since costs time in it.
  const isOnline = env.record.spec.mode === 'Online';
  const stale = isOnline ? { tables: await staleTables(target) } : {};
  await note(await analyze(open, { jobs, signal: env.signal, ...stale }));
  await operation('Setting owners and privileges');
  await note(await applyOwnership(target, plan));
  await note(await applyPrivileges(target, plan));
  await note(await copyLargeObjectMetadata(source, target));
  await note(await copyDatabaseProperties(target, env.targetName(database), plan.database));
  await note(await checkUnlogged(env, database, target));
  return null;
});

/**
 * The rows of unlogged tables that a crash of the target has emptied are not carried. Online the
 * cutover fails for them, and copies them again when it is repeated.
 */
async function checkUnlogged(
  env: ActivityEnvironment,
  database: string,
  target: PgSession,
): Promise<NotCarried[]> {
  const lost = await lostUnlogged(env, database, target);
  if (lost.length === 0) return [];
  const names = lost.map(({ schema, name }) => `${schema}.${name}`);
  const why =
    'The target crashed after it was copied, which empties unlogged tables: copy it again.';
  if (env.record.spec.mode === 'Online') {
    throw new MigrationError('dataFailed', `Table ${names.join(', ')}: ${why}`);
  }
  const report = notCarriedList();
  for (const name of names) report.add('unloggedTable', `table ${name}`, why);
  return report.items();
}
