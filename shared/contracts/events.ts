import type { EventData, EventType } from './eventTypes.ts';
import type { DatabaseRecord, EventRecord, MigrationRef } from './records.ts';

/** The ARM id of the server that a scope stands for; lower case, as the scope is. */
export function serverIdOf(scope: string): string {
  const [subscription, resourceGroup, server] = scope.split('/');
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${server}`;
}

/** An event is small, however many tables a message names. */
export const EVENT_TEXT_LIMIT = 2_000;

/** Names in one event. */
export const MOST_EVENT_NAMES = 100;

export function migrationEvent<Type extends EventType>(
  type: Type,
  ref: MigrationRef,
  time: string,
  data: EventData<Type>,
): EventRecord {
  return {
    type,
    source: serverIdOf(ref.scope),
    subject: `migrations/${ref.name}`,
    time,
    data: { migrationId: ref.id, migrationName: ref.name, ...data },
  };
}

export function databaseEvent<Type extends EventType>(
  type: Type,
  ref: MigrationRef,
  { database }: Pick<DatabaseRecord, 'database'>,
  time: string,
  data: EventData<Type>,
): EventRecord {
  return {
    type,
    source: serverIdOf(ref.scope),
    subject: `migrations/${ref.name}/databases/${encodeURIComponent(database)}`,
    time,
    data: { migrationId: ref.id, migrationName: ref.name, databaseName: database, ...data },
  };
}
