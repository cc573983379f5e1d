import { ApiError } from '../../shared/api/errors.ts';
import { toEventDelivery } from '../../shared/api/events.ts';
import type { EventList, MigrationEvent } from '../../shared/api/events.ts';
import { EVENT_TYPE_PREFIX } from '../../shared/contracts/eventTypes.ts';
import type { LoggedEvent } from '../../shared/state/stores.ts';
import { requireMigration } from './answers.ts';
import { nextLink, readTop } from './call.ts';
import type { ApiHandler } from './call.ts';

/**
 * GET …/events, oldest first. Whoever wants what is new asks for what comes after the last number
 * that it has.
 */
export const listEvents: ApiHandler = async (call) => {
  const { ref } = await requireMigration(call);
  const { query } = call.request;
  const top = readTop(query.get('$top'), '$top');
  const after = readAfter(query.get('after'));
  const [events, deliveries, problems] = await Promise.all([
    call.stores.events.page(ref.id, { after, top }),
    call.stores.deliveries.list(ref.id),
    call.stores.events.problems(ref.id),
  ]);
  const last = events.at(-1)?.sequence;
  const isFull = last !== undefined && events.length >= top;
  const list: EventList = {
    value: events.map(toMigrationEvent),
    ...nextLink(call.request, 'after', isFull ? String(last) : undefined),
    deliveries: deliveries.map(toEventDelivery),
    problems,
  };
  return { jsonBody: list };
};

function toMigrationEvent({ sequence, id, event, refusals }: LoggedEvent): MigrationEvent {
  const { type, source, subject, time, data } = event;
  return {
    sequence,
    id,
    type: `${EVENT_TYPE_PREFIX}${type}`,
    source,
    subject,
    time,
    data: { ...data, sequence },
    ...(refusals.length === 0 ? {} : { undelivered: refusals }),
  };
}

function readAfter(text: string | null): number {
  if (text === null || text === '') return 0;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new ApiError(
    400,
    'InvalidParameterValue',
    "Parameter 'after' must be a sequence number: a whole number of at most twelve digits.",
    { target: 'after' },
  );
}
