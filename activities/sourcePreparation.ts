import { filterOf } from '../shared/checks/rule.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import { findIdentityProblems } from '../shared/pg/source/replicaIdentity.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { identityProblemMessage } from './steps/replicaIdentities.ts';
import { restoreNotedIdentities, setIdentitiesFull, unfenceSource } from './steps/sourceChanges.ts';

/**
 * Sees to it that every table of the database has a replica identity that the stream can use, or
 * stops the database here: without one, UPDATE and DELETE would not arrive. Idempotent.
 */
defineActivity('prepareSource', async ({ database }, env) => {
  const { spec } = env.record;
  if (spec.mode !== 'Online') return null;
  await using source = await env.open('source', database);
  const { problems } = await findIdentityProblems(source, filterOf(spec));
  if (problems.length === 0) return null;
  if (!spec.setReplicaIdentityFull) {
    throw new MigrationError('invalidInput', identityProblemMessage(database, problems));
  }
  await setIdentitiesFull(env, database, problems);
  return null;
});

/**
 * The end of a database, or its cancel: what was changed on the source is put back. Idempotent:
 * what is back is no longer in the database's row.
 */
defineActivity(
  'restoreSource',
  async ({ database, keepFence }, env) => {
    // The fence first: it is what others wait for.
    const unrestored = keepFence ? [] : await unfenceSource(env, database);
    unrestored.push(...(await restoreNotedIdentities(env, database)));
    return { unrestored };
  },
  { evenWhenCanceled: true },
);
