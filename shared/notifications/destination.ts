import type { DestinationName, StoredEvent } from '../state/storeInterfaces.ts';

/** Where events go beside the table: an Event Grid topic, or a webhook. */
export interface EventDestination extends DestinationName {
  /** How many events it takes at once. */
  batchSize: number;
  /** One attempt; what came of it is a value. */
  send(events: readonly StoredEvent[], options: { signal: AbortSignal }): Promise<SendOutcome>;
}

export type SendOutcome =
  | { kind: 'accepted' }
  // These events will never be taken, however often they come (400, 413). Of several it may be one.
  | { kind: 'refused'; reason: string }
  // Time, or the operator, may cure it.
  | { kind: 'failed'; reason: string; retryAfterMs?: number };

/** Answers that are about the events themselves: Event Grid gives up at them as well. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413]);

/** A receiver may ask for patience, within reason. */
const LONGEST_RETRY_AFTER_MS = 60 * 60 * 1000;

/** What an answer with this status means. */
export function outcomeOfStatus(status: number, retryAfter: string | undefined): SendOutcome {
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  const reason = `It answered ${status}.`;
  if (REFUSALS.has(status)) return { kind: 'refused', reason };
  const retryAfterMs = readRetryAfter(retryAfter);
  return { kind: 'failed', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** `Retry-After`: seconds, or a date. */
function readRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}
