import { z } from 'zod';
import type { OutboxMessage, ReplicationStatusMessage } from '../../shared/contracts/names.ts';

const outboxMessageSchema = z.union([
  z.object({ ref: z.object({ id: z.string(), scope: z.string(), name: z.string() }) }),
  z.object({ migrationId: z.string(), database: z.string() }),
]);

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
