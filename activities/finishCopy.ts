import { MigrationError } from '../shared/errors/migrationError.ts';
import { markStep } from '../shared/pg/copy/control.ts';
import { defineActivity } from './steps/defineActivity.ts';
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
  await markStep(target, 'copyComplete', generation);
  await releaseReplication(env.stores, ref, database);
  return { failedTables: 0 };
});
