import type { Settings } from '../config/settings.ts';
import type { EventDestination } from './destination.ts';
import { topicDestination } from './topicDestination.ts';
import { webhookDestination } from './webhookDestination.ts';

/** All that are configured, without a request; none when nothing is. */
export function openDestinations({
  eventGrid,
  webhooks,
}: Pick<Settings, 'eventGrid' | 'webhooks'>): EventDestination[] {
  return [
    ...(eventGrid === undefined ? [] : [topicDestination(eventGrid)]),
    ...webhooks.urls.map((url) => webhookDestination(url, webhooks)),
  ];
}
