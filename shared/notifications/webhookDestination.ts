import { createHash } from 'node:crypto';
import type { WebhookSettings } from '../config/settings.ts';
import { messageOf } from '../errors/migrationError.ts';
import { toCloudEvent } from './cloudEvent.ts';
import { outcomeOfStatus } from './destination.ts';
import type { EventDestination } from './destination.ts';
import { sendToWebhook } from './webhookRequest.ts';
import { signDelivery } from './webhookSignature.ts';

/** A receiver has to answer within this time; what takes longer it should do behind its answer. */
const TIMEOUT_MS = 15_000;

/**
 * A webhook: each event is a request of its own, a CloudEvent in structured JSON, signed. Before the
 * first one this process asks for consent (CloudEvents HTTP Web Hooks, section 4).
 */
export function webhookDestination(
  text: string,
  { secrets, origin }: Pick<WebhookSettings, 'secrets' | 'origin'>,
  options: { timeoutMs?: number } = {},
): EventDestination {
  const url = new URL(text);
  const hash = createHash('sha256').update(url.href).digest('hex').slice(0, 12);
  const withTimeout = (signal: AbortSignal) =>
    AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)]);
  let hasConsent = false;
  return {
    id: `webhook-${hash}`,
    // Path and query may be secret: whoever knows them may post there.
    name: `webhook ${url.host} (${hash})`,
    batchSize: 1,
    send: async ([stored], { signal }) => {
      if (stored === undefined) return { kind: 'accepted' };
      try {
        if (!hasConsent) {
          const refusal = await askForConsent(url, origin, withTimeout(signal));
          if (refusal !== undefined) return { kind: 'failed', reason: refusal };
          hasConsent = true;
        }
        const event = toCloudEvent(stored);
        const body = JSON.stringify(event);
        const { status, headers } = await sendToWebhook(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/cloudevents+json; charset=utf-8',
            'webhook-request-origin': origin,
            ...signDelivery({ id: event.id, body, secrets, now: new Date() }),
          },
          body,
          signal: withTimeout(signal),
        });
        return outcomeOfStatus(status, headers['retry-after']);
      } catch (error) {
        return { kind: 'failed', reason: `It could not be reached: ${messageOf(error)}` };
      }
    },
  };
}

/** Why there is no consent; undefined when there is. The status alone says nothing. */
async function askForConsent(
  url: URL,
  origin: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { status, headers } = await sendToWebhook(url, {
    method: 'OPTIONS',
    headers: { 'webhook-request-origin': origin },
    signal,
  });
  const allowed = String(headers['webhook-allowed-origin'] ?? '').trim();
  if (allowed === '*' || allowed.toLowerCase() === origin.toLowerCase()) return undefined;
  const said = allowed === '' ? `no WebHook-Allowed-Origin (status ${status})` : `'${allowed}'`;
  return `It gave no consent: OPTIONS with WebHook-Request-Origin '${origin}' was answered with ${said}. No event is sent there.`;
}
