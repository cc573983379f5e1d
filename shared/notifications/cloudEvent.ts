import { EVENT_TYPE_PREFIX } from '../contracts/eventTypes.ts';
import type { StoredEvent } from '../state/storeInterfaces.ts';

/** CloudEvents 1.0 in its JSON form, with the extension `sequence`. */
export interface CloudEvent {
  specversion: '1.0';
  /** The same however often it is delivered: with `source` the key to drop duplicates by. */
  id: string;
  type: string;
  source: string;
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  /** Twelve digits: ordered as text. The number itself is in the data. */
  sequence: string;
  data: Record<string, unknown>;
}

export function toCloudEvent({ id, sequence, event }: StoredEvent): CloudEvent {
  return {
    specversion: '1.0',
    id,
    type: `${EVENT_TYPE_PREFIX}${event.type}`,
    source: event.source,
    subject: event.subject,
    time: event.time,
    datacontenttype: 'application/json',
    sequence: String(sequence).padStart(12, '0'),
    data: { ...event.data, sequence },
  };
}
