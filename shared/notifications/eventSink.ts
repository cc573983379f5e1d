import type { Settings } from '../config/settings.ts';
import type { StoredEvent } from '../state/storeInterfaces.ts';

/** Types are `pgmove.PostgresMigration.MigrationStateChanged` and the like. */
const TYPE_PREFIX = 'pgmove.PostgresMigration.';
const EVENTS_PER_REQUEST = 100;

/** Where events go beside the table: an Event Grid topic, or anything that speaks like one. */
export interface EventSink {
  send(events: readonly StoredEvent[]): Promise<void>;
}

/** Undefined when no endpoint is configured. The package is loaded with the first event. */
export function openEventSink(settings: Settings): EventSink | undefined {
  const { eventGrid } = settings;
  if (eventGrid === undefined) return undefined;
  let client: ReturnType<typeof openClient> | undefined;
  return {
    send: async (events) => {
      client ??= openClient(eventGrid);
      const { send } = await client.catch((error: unknown) => {
        client = undefined;
        throw error;
      });
      for (let i = 0; i < events.length; i += EVENTS_PER_REQUEST) {
        await send(events.slice(i, i + EVENTS_PER_REQUEST));
      }
    },
  };
}

async function openClient(eventGrid: { endpoint: string; key?: string }) {
  const { AzureKeyCredential, EventGridPublisherClient } = await import('@azure/eventgrid');
  const credential =
    eventGrid.key === undefined
      ? new (await import('@azure/identity')).DefaultAzureCredential()
      : new AzureKeyCredential(eventGrid.key);
  const publisher = new EventGridPublisherClient(eventGrid.endpoint, 'CloudEvent', credential, {
    allowInsecureConnection: eventGrid.endpoint.startsWith('http:'),
  });
  return {
    send: (events: readonly StoredEvent[]) =>
      publisher.send(
        events.map(({ id, sequence, event }) => ({
          id,
          type: `${TYPE_PREFIX}${event.type}`,
          source: event.source,
          subject: event.subject,
          time: new Date(event.time),
          data: { ...event.data, sequence },
          // The extension of CloudEvents: ordered as text.
          extensionAttributes: { sequence: String(sequence).padStart(12, '0') },
        })),
      ),
  };
}
