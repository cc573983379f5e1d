import { z } from 'zod';
import { isPending } from '../contracts/deliveries.ts';
import type { DeliveryRecord } from '../contracts/deliveries.ts';
import { EVENT_TYPE_PREFIX } from '../contracts/eventTypes.ts';
import { timestamp } from './fields.ts';

const count = z.number().int().nonnegative();

const loggedEventSchema = z
  .object({
    sequence: count.describe('1, 2, 3 … for each migration, without gaps.'),
    id: z.string().describe('The same as in every delivery of the event.'),
    type: z.string().describe(`\`${EVENT_TYPE_PREFIX}MigrationStateChanged\` and the like.`),
    source: z.string(),
    subject: z.string().describe('`migrations/{name}` or `migrations/{name}/databases/{db}`.'),
    time: timestamp,
    data: z.record(z.string(), z.unknown()).describe('See docs/events.md.'),
    undelivered: z
      .array(z.object({ destination: z.string(), reason: z.string(), on: timestamp }))
      .optional()
      .describe('Destinations that refused the event for good.'),
  })
  .meta({ id: 'MigrationEvent' });

const deliverySchema = z
  .object({
    destination: z.string().describe('`topic`, or `webhook-` and a part of a hash of its URL.'),
    name: z.string().describe('Its host.'),
    deliveredSequence: count.describe('It is done with the events up to this one.'),
    waiting: count.describe('Events that are still to be delivered.'),
    refused: count.describe('Events that it refused for good.'),
    failures: count.describe('Attempts that failed since the last one that did not.'),
    nextAttemptOn: timestamp.optional(),
    error: z.string().optional().describe('Why the last attempt failed.'),
    deliveredOn: timestamp.optional().describe('When it last took events.'),
  })
  .meta({ id: 'EventDelivery' });

export const eventListSchema = z
  .object({
    value: z.array(loggedEventSchema).describe('Oldest first.'),
    nextLink: z.string().optional(),
    deliveries: z.array(deliverySchema).describe('How far each topic and webhook is.'),
    problems: z
      .array(
        z.object({
          queue: z.string(),
          count: count.describe('Messages that were given up.'),
          lastOn: timestamp,
        }),
      )
      .describe(
        'Queue messages about these events that failed too often; timers did without them.',
      ),
  })
  .meta({ id: 'MigrationEventList' });

export type EventList = z.infer<typeof eventListSchema>;
export type MigrationEvent = z.infer<typeof loggedEventSchema>;
export type EventDelivery = z.infer<typeof deliverySchema>;

export function toEventDelivery(row: DeliveryRecord): EventDelivery {
  const isFailing = isPending(row) && row.failures > 0;
  return {
    destination: row.destination,
    name: row.name,
    deliveredSequence: row.done,
    waiting: Math.max(0, row.known - row.done),
    refused: row.refused,
    failures: isFailing ? row.failures : 0,
    ...(isFailing && row.nextOn !== undefined ? { nextAttemptOn: row.nextOn } : {}),
    ...(isFailing && row.error !== undefined ? { error: row.error } : {}),
    ...(row.deliveredOn === undefined ? {} : { deliveredOn: row.deliveredOn }),
  };
}
