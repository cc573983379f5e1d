import { safeCause } from '../shared/pg/copy/failure.ts';
import { estimateCopy } from '../shared/pg/source/estimate.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { excludedRelations } from './steps/excludedRelations.ts';

/** Notes how large a database is and how long its copy may take. What cannot be estimated is left out. */
defineActivity('estimateDatabase', async ({ ref, database }, env) => {
  const { spec } = env.record;
  try {
    await using source = await env.open('source', database);
    const excludedOids = await excludedRelations(source, spec);
    const estimate = await estimateCopy(source, { jobs: spec.jobs, excludedOids });
    await env.stores.migrations.update(ref, (row) => ({
      record: { ...row, estimates: { ...row.estimates, [database]: estimate } },
    }));
  } catch (error) {
    env.log.warn('not estimated', { error: safeCause(error) });
  }
  return null;
});
