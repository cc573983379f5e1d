import { analyze } from '../shared/pg/schema/analyze.ts';
import { createForeignKeys } from '../shared/pg/schema/foreignKeys.ts';
import { notCarriedList } from '../shared/pg/schema/notCarried.ts';
import { restoreRootIndexes } from '../shared/pg/schema/postData.ts';
import { PARK_APPLY_SQL } from '../shared/wal/applyLock.ts';
import { canBeReplica } from '../shared/wal/replicaRole.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { noteNotCarried } from './steps/notCarried.ts';
import { setOperation } from './steps/operation.ts';
import { readSchemaPart, copiedGeneration } from './steps/schemaParts.ts';

/**
 * What can be done before the cutover on a target that is consistent while changes go on: foreign
 * keys and statistics, which would cost the most time in it. Foreign keys only where the stream's
 * session may leave them unchecked; elsewhere they come after the drain. Idempotent.
 */
defineActivity('prepareCutover', async ({ ref, database, jobs }, env) => {
  const generation = await copiedGeneration(env, database);
  const open = () => env.open('target', database);
  await using target = await open();
  const report = notCarriedList();
  if (await canBeReplica(target)) {
    await setOperation(env.stores, ref, database, 'Creating foreign keys');
    const plan = await readSchemaPart(env, 'postData', { database, generation });
    await restoreRootIndexes(target, plan, { generation, signal: env.signal }, report);
    await createForeignKeys(open, {
      entries: plan.foreignKeys,
      jobs,
      report,
      parkSql: PARK_APPLY_SQL,
      signal: env.signal,
    });
  }
  await noteNotCarried(env.stores, ref, database, report.items());
  await setOperation(env.stores, ref, database, 'Analyzing tables');
  await noteNotCarried(
    env.stores,
    ref,
    database,
    await analyze(open, { jobs, signal: env.signal }),
  );
  await setOperation(env.stores, ref, database, 'Catching up with the source');
  return null;
});
