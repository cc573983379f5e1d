import { filterOf } from '../shared/checks/rule.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { planFormats, sourceFacts, targetShape } from '../shared/pg/copy/format.ts';
import { planBatches } from '../shared/pg/copy/plan.ts';
import { listTables } from '../shared/pg/copy/tables.ts';
import { copyLargeObjects, forgetLargeObjects } from '../shared/pg/schema/largeObjects.ts';
import { restoreIdentities } from '../shared/pg/source/replicaIdentity.ts';
import type { IdentityChange } from '../shared/pg/source/replicaIdentity.ts';
import { copyAgain } from '../shared/wal/copy/copyAgain.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { setOperation } from './steps/operation.ts';
import { readSchemaPart } from './steps/schemaParts.ts';

/**
 * What no stream carries, once the stream is drained: the rows of unlogged tables are copied again,
 * and large objects that differ. Idempotent.
 */
defineActivity('copyUnstreamed', async ({ ref, database, generation }, env) => {
  await setOperation(env.stores, ref, database, 'Copying what the stream does not carry');
  await using source = await env.open('source', database);
  await using target = await env.open('target', database);
  await copyUnlogged(env, database, generation);
  await source.query('begin isolation level repeatable read, read only');
  await forgetLargeObjects(target);
  await copyLargeObjects(source, target, { generation, signal: env.signal });
  await resetIdentities(env, database, target);
  return null;
});

/** The schema was dumped while tables of the source had REPLICA IDENTITY FULL for the migration. */
async function resetIdentities(
  env: ActivityEnvironment,
  database: string,
  target: PgSession,
): Promise<void> {
  const row = await env.stores.databases.get(env.record.ref.id, database);
  const changes = (row?.sourceChanges ?? []).filter(({ kind }) => kind === 'replicaIdentity');
  await restoreIdentities(target, changes as IdentityChange[], { signal: env.signal });
}

async function copyUnlogged(
  env: ActivityEnvironment,
  database: string,
  generation: number,
): Promise<void> {
  await using source = await env.open('source', database);
  await using target = await env.open('target', database);
  const schema = await readSchemaPart(env, 'copy', { database, generation });
  const leftOut = new Set(schema.leftOutRelationOids);
  const all = await listTables(source, filterOf(env.record.spec));
  const tables = all.filter(({ oid, persistence }) => persistence === 'u' && !leftOut.has(oid));
  if (tables.length === 0) return;
  const { ready } = planFormats(
    tables,
    await sourceFacts(source),
    await targetShape(target, tables),
  );
  // Whole tables only: they are replaced in one transaction.
  const whole = { jobs: 1, partBytes: Number.MAX_SAFE_INTEGER };
  const batches = planBatches(ready, { ...whole, serverVersion: source.serverVersion });
  const items = batches.flatMap((batch) => batch.items);
  const results = await copyAgain({
    source: env.endpoint('source', database),
    target: env.endpoint('target', database),
    items,
    applicationName: `pgmove/${env.record.ref.name}/unlogged`,
    signal: env.signal,
  });
  await env.stores.tables.updateMany(
    env.record.ref.id,
    database,
    items.map(({ oid }, index) => ({ tableId: String(oid), rows: results[index]?.rows ?? 0 })),
  );
}
