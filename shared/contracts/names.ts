import type { MigrationRef } from './records.ts';

/**
 * Names that more than one part uses. Names of activities stand beside the orchestrators, which
 * alone call them.
 */

export const ORCHESTRATORS = {
  migration: 'migrationOrchestrator',
  database: 'migrateDatabase',
  purge: 'purgeOrchestrator',
  probe: 'probeOrchestrator',
} as const;

/** External events. They carry no payload: who is woken reads the state in the tables. */
export const EVENTS = {
  /** Something wanted was written into the migration's row. */
  wake: 'wake',
  /** The replicator observed something for a database of the instance. */
  replication: 'replication',
} as const;

export const QUEUES = {
  /** A row has unpublished events; the message is an OutboxMessage. */
  outbox: 'outbox',
  /** A destination has events of a migration to get; the message is a DeliveryMessage. */
  eventDeliveries: 'event-deliveries',
  /** From the replicator; the message is a ReplicationStatusMessage. */
  replicationStatus: 'replication-status',
  /** To the replicator: a row of Replications has a new desired phase. */
  replicatorCommands: 'replicator-commands',
  /**
   * One message per live session (a database's snapshot or stream), hidden by the replicator that
   * owns it: their number, hidden ones included, is what the replicator is scaled by. The message is
   * a SessionMessage.
   */
  replicatorSessions: 'replicator-sessions',
  /** To the deployment that carries a migration, from another one's API; a RuntimeCommand. */
  runtimeCommands: 'runtime-commands',
} as const;

export type QueueName = (typeof QUEUES)[keyof typeof QUEUES];

/** Which row's outbox to publish: a migration's, or a database's. */
export type OutboxMessage = { ref: MigrationRef } | { migrationId: string; database: string };

export interface DeliveryMessage {
  migrationId: string;
  /** Id of the destination. */
  destination: string;
}

export interface ReplicationStatusMessage {
  migrationId: string;
  database: string;
  /** The instance that waits. */
  instanceId: string;
}

/** Which row of Replications wants a replicator. */
export interface SessionMessage {
  migrationId: string;
  database: string;
}

/** What another deployment's API was asked for. What is to be done is in the row. */
export interface RuntimeCommand {
  kind: 'start' | 'wake' | 'purge';
  ref: MigrationRef;
}

/** Input of the migration orchestrator. */
export interface MigrationInput {
  ref: MigrationRef;
  run: number;
}

/** The Durable instance of a run: the migration's id for the first, `id-run` after a resume. */
export function instanceIdOf(migrationId: string, run: number): string {
  return run === 0 ? migrationId : `${migrationId}-${run}`;
}

export function purgeInstanceIdOf(migrationId: string): string {
  return `${migrationId}-purge`;
}
