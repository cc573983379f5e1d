import { MigrationError } from '../shared/errors/migrationError.ts';
import { markStep } from '../shared/pg/copy/control.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { lostUnlogged } from './steps/lostUnlogged.ts';
import type { LostTable } from './steps/lostUnlogged.ts';
import { releaseReplication } from './steps/releaseReplication.ts';

/**
 * Notes on the target that all rows are in, and lets go of the snapshot. Refuses when a table of the
 * plan is not complete, whatever the orchestrator counted. Idempotent.
 */
defineActivity('finishCopy', async ({ ref, database, generation }, env) => {
  let failedTables = 0;
  const open: string[] = [];
  const columns = ['schema', 'table', 'state'] as const;
  for await (const table of env.stores.tables.all(ref.id, database, columns)) {
    if (table.state === 'failed') failedTables += 1;
    else if (table.state !== 'completed') open.push(`${table.schema}.${table.table}`);
  }
  if (open.length > 0) {
    const names = open.slice(0, 10).join(', ');
    throw new MigrationError('internal', `${database}: not all tables were copied: ${names}.`);
  }
  if (failedTables > 0) return { failedTables };
  await using target = await env.open('target', database);
  const lost = await lostUnlogged(env, database, target);
  if (lost.length > 0) {
    await copyAgainLater(env, database, target, lost);
    return { failedTables: lost.length };
  }
  await markStep(target, 'copyComplete', generation);
  await releaseReplication(env.stores, ref, database);
  return { failedTables: 0 };
});

/** A resume finds them not copied, and the snapshot still there. */
async function copyAgainLater(
  env: ActivityEnvironment,
  database: string,
  target: PgSession,
  lost: readonly LostTable[],
): Promise<void> {
  await target.query(
    `update pgmove.copies set state = 'pending', rows = 0, bytes = 0
     where table_id = any ($1::oid[])`,
    [lost.map(({ oid }) => oid)],
  );
  const error =
    'It is unlogged, and the target crashed after it was copied: its rows are gone. Resume the migration.';
  await env.stores.tables.updateMany(
    env.record.ref.id,
    database,
    lost.map(({ oid, schema, name }) => ({
      tableId: String(oid),
      state: 'failed',
      error: `${schema}.${name}: ${error}`,
    })),
  );
}
