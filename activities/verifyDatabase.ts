import { verifyContent } from '../shared/pg/compare/content.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { activitySnapshot } from './steps/ownSnapshot.ts';
import { setOperation } from './steps/operation.ts';

/**
 * Compares what was copied with the source as the snapshot sees it, and puts the result into the
 * database's row. Reads only.
 */
defineActivity('verifyDatabase', async (input, env) => {
  const { ref, database, snapshot, jobs } = input;
  const { verify } = env.record.spec;
  if (verify === 'none') return { differenceCount: 0 };
  await setOperation(env.stores, ref, database, 'Comparing source and target');
  const tables: { schema: string; name: string }[] = [];
  const rows = env.stores.tables.all(ref.id, database, ['schema', 'table']);
  for await (const { schema, table } of rows) {
    tables.push({ schema, name: table });
  }
  await using held = await activitySnapshot(env, database, snapshot);
  const { tableCount, differences } = await verifyContent({
    source: env.endpoint('source', database),
    target: env.endpoint('target', database),
    sourceSnapshot: held.id,
    tables,
    mode: verify,
    jobs,
    applicationName: `pgmove/${ref.name}/verify`,
    signal: env.signal,
  });
  await env.stores.databases.update(ref.id, database, (row) => ({
    record: { ...row, verification: { mode: verify, tableCount, differences } },
  }));
  // Behind the cutover of a source that is not closed, somebody may have written on.
  const { mode, fenceSource } = env.record.spec;
  const isExact = mode === 'Offline' || fenceSource;
  return { differenceCount: isExact ? differences.length : 0 };
});
