import { dumpRoles } from '../shared/pg/roles/dumpRoles.ts';
import { restoreRoles, rolesToJoin } from '../shared/pg/roles/restoreRoles.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { addNotCarried } from './steps/notCarried.ts';

/**
 * Creates the source's roles on the target, once for all databases. Idempotent: roles that are there
 * are kept. What could not be carried stands with the migration, whose databases share the roles.
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
  // Before they are made: a crash behind that must not hide which ones are new.
  const missing = await rolesToJoin(target, dumped);
  await env.stores.migrations.update(ref, (row) => ({
    record: { ...row, newRoles: [...new Set([...(row.newRoles ?? []), ...missing])] },
  }));
  const { notCarried } = await restoreRoles(target, dumped);
  await env.stores.migrations.update(ref, (row) => ({
    record: { ...row, notCarried: addNotCarried(row.notCarried ?? [], notCarried) },
  }));
  return null;
});
