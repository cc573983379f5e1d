import { z } from 'zod';
import type {
  DeliveryMessage,
  OutboxMessage,
  ReplicationStatusMessage,
  RuntimeCommand,
} from '../../shared/contracts/names.ts';

const outboxMessageSchema = z.union([
  z.object({ ref: z.object({ id: z.string(), scope: z.string(), name: z.string() }) }),
  z.object({ migrationId: z.string(), database: z.string() }),
]);

const deliveryMessageSchema = z.object({
  migrationId: z.string().min(1),
  destination: z.string().min(1),
});

const refSchema = z.object({ id: z.string(), scope: z.string(), name: z.string() });

const runtimeCommandSchema = z.object({
  kind: z.enum(['start', 'wake', 'purge']),
  ref: refSchema,
});

const replicationStatusSchema = z.object({
  migrationId: z.string(),
  database: z.string(),
  instanceId: z.string().min(1),
});

/** The trigger has parsed the JSON already where it could. */
export function readOutboxMessage(entry: unknown): OutboxMessage {
  return outboxMessageSchema.parse(entry);
}

export function readReplicationStatus(entry: unknown): ReplicationStatusMessage {
  return replicationStatusSchema.parse(entry);
}

export function readDeliveryMessage(entry: unknown): DeliveryMessage {
  return deliveryMessageSchema.parse(entry);
}

/** Of any message that has one; of one that was given up, which may be anything. */
export function migrationIdOf(entry: unknown): string | undefined {
  const { data } = z
    .union([
      z.object({ ref: z.object({ id: z.guid() }) }).transform(({ ref }) => ref.id),
      z.object({ migrationId: z.guid() }).transform(({ migrationId }) => migrationId),
    ])
    .safeParse(entry);
  return data;
}

export function readRuntimeCommand(entry: unknown): RuntimeCommand {
  return runtimeCommandSchema.parse(entry);
}
