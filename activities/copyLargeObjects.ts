import { copyLargeObjects } from '../shared/pg/schema/largeObjects.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { activitySnapshot } from './steps/ownSnapshot.ts';
import { openUnderSnapshot } from './steps/sourceSnapshot.ts';

/** Idempotent: an object that is there with the same content is left. */
defineActivity('copyLargeObjects', async (input, env) => {
  const { database, generation, snapshot } = input;
  await using held = await activitySnapshot(env, database, snapshot);
  await using source = await openUnderSnapshot(env, database, held.id);
  await using target = await env.open('target', database);
  const { objects } = await copyLargeObjects(source, target, { generation, signal: env.signal });
  return { count: objects };
});
