import type { Settings } from '../config/settings.ts';
import { messageOf } from '../errors/migrationError.ts';
import type { StoredEvent } from '../state/storeInterfaces.ts';
import { toCloudEvent } from './cloudEvent.ts';
import { outcomeOfStatus } from './destination.ts';
import type { EventDestination, SendOutcome } from './destination.ts';

const EVENTS_PER_REQUEST = 100;

/** Event Grid answers within seconds; a lease of the row lasts longer than this. */
const TIMEOUT_MS = 30_000;

type EventGridSettings = NonNullable<Settings['eventGrid']>;

/** The Event Grid topic, or anything that speaks like one. */
export function topicDestination(
  eventGrid: EventGridSettings,
  { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
): EventDestination {
  let client: ReturnType<typeof openClient> | undefined;
  return {
    id: 'topic',
    name: `topic ${new URL(eventGrid.endpoint).host}`,
    batchSize: EVENTS_PER_REQUEST,
    send: async (events, { signal }) => {
      try {
        // The package is loaded with the first event.
        client ??= openClient(eventGrid);
        const publisher = await client.catch((error: unknown) => {
          client = undefined;
          throw error;
        });
        const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
        await publisher.send(events.map(modelOf), { abortSignal });
        return { kind: 'accepted' };
      } catch (error) {
        return outcomeOfError(error);
      }
    },
  };
}

/** The package writes the names that CloudEvents has. */
function modelOf(stored: StoredEvent) {
  const { id, type, source, subject, time, data, sequence } = toCloudEvent(stored);
  const extensionAttributes = { sequence };
  return { id, type, source, subject, time: new Date(time), data, extensionAttributes };
}

async function openClient(eventGrid: EventGridSettings) {
  const { AzureKeyCredential, EventGridPublisherClient } = await import('@azure/eventgrid');
  const credential =
    eventGrid.key === undefined
      ? new (await import('@azure/identity')).DefaultAzureCredential()
      : new AzureKeyCredential(eventGrid.key);
  return new EventGridPublisherClient(eventGrid.endpoint, 'CloudEvent', credential, {
    allowInsecureConnection: eventGrid.endpoint.startsWith('http:'),
    // The pauses between attempts are ours: they outlive the process.
    retryOptions: { maxRetries: 0 },
  });
}

/** Errors of the package have the status of the answer, if there was one. */
function outcomeOfError(error: unknown): SendOutcome {
  const { statusCode, response } = error as {
    statusCode?: unknown;
    response?: { headers?: { get(name: string): string | undefined } };
  };
  if (typeof statusCode === 'number') {
    return outcomeOfStatus(statusCode, response?.headers?.get('retry-after'));
  }
  return { kind: 'failed', reason: `It could not be reached: ${messageOf(error)}` };
}
