import { migrationFolder } from '../shared/contracts/blobPaths.ts';
import { publishOutbox } from '../shared/notifications/publisher.ts';
import { knownDestinations, retireEvents } from '../shared/notifications/retirement.ts';
import { safeCause } from '../shared/pg/copy/failure.ts';
import { dropControlSchema } from '../shared/pg/copy/control.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { endStream } from './steps/endStream.ts';
import { lookAtTarget } from './steps/targetDatabase.ts';

/** Removes everything that an ended migration left, its row last. Idempotent. */
defineActivity(
  'removeMigration',
  async ({ ref }, env) => {
    const destinations = await knownDestinations(env.stores, ref.id);
    await publishOutbox(env.stores, destinations, { ref });
    for (const { database } of await env.stores.databases.list(ref.id)) {
      await publishOutbox(env.stores, destinations, { migrationId: ref.id, database });
      await endStream(env, database);
      await dropTraces(env, database);
      await env.stores.tables.deleteAll(ref.id, database);
      await env.stores.samples.deleteAll(ref.id, database);
      await env.stores.replications.delete(ref.id, database);
      await env.stores.copyWork.delete(ref.id, database);
    }
    await env.stores.blobs.deletePrefix(migrationFolder(ref.id));
    await env.deleteSecrets();
    await retireEvents(env.stores, ref.id, new Date().toISOString());
    await env.stores.databases.deleteAll(ref.id);
    await env.stores.migrations.delete(ref);
    return null;
  },
  { evenWhenCanceled: true },
);

/** A target that is gone or cannot be reached any more keeps nobody from forgetting the migration. */
async function dropTraces(env: ActivityEnvironment, database: string): Promise<void> {
  try {
    const { isOurs } = await lookAtTarget(env, database);
    if (!isOurs) return;
    await using target = await env.open('target', database);
    await dropControlSchema(target);
  } catch (error) {
    env.log.warn('the schema pgmove stays on the target', { database, error: safeCause(error) });
  }
}
