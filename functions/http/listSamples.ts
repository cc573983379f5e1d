import { invalidProperty } from '../../shared/api/errors.ts';
import { timestamp } from '../../shared/api/fields.ts';
import type { SampleList } from '../../shared/api/resource.ts';
import { requireDatabase, requireMigration } from './answers.ts';
import type { ApiHandler } from './call.ts';
import { answerTagged, weakTag } from './conditional.ts';

/** GET …/databases/{databaseName}/samples: how it went, for charts; one read of a range of keys. */
export const listSamples: ApiHandler = async (call) => {
  const { ref } = await requireMigration(call);
  const after = call.request.query.get('after') ?? undefined;
  if (after !== undefined && !timestamp.safeParse(after).success) {
    throw invalidProperty(
      'after',
      "Parameter 'after' must be a date and time of ISO 8601, as 2026-01-31T20:00:00Z.",
    );
  }
  const { database } = await requireDatabase(call, ref.id);
  const list: SampleList = { value: await call.stores.samples.list(ref.id, database, after) };
  return answerTagged(call, weakTag(JSON.stringify(list)), () => Promise.resolve(list));
};
