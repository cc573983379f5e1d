import { dumpRoles } from '../shared/pg/roles/dumpRoles.ts';
import { restoreRoles } from '../shared/pg/roles/restoreRoles.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { noteNotCarried } from './steps/notCarried.ts';

/**
 * Creates the source's roles on the target, once for all databases. Idempotent: roles that are there
 * are kept. What could not be carried stands with the first database.
 */
defineActivity('migrateRoles', async ({ ref }, env) => {
  const rows = await env.stores.databases.list(ref.id);
  const first = rows.toSorted((a, b) => a.order - b.order)[0]?.database;
  if (first === undefined) return null;
  await using source = await env.open('source', first);
  const dumped = await dumpRoles(env.endpoint('source', first), source, {
    applicationName: `pgmove/${ref.name}/roles`,
    signal: env.signal,
  });
  await using target = await openMaintenance(
    env.endpoint('target', first),
    `pgmove/${ref.name}/roles`,
  );
  const { notCarried } = await restoreRoles(target, dumped);
  await noteNotCarried(env.stores, ref, first, notCarried);
  return null;
});
