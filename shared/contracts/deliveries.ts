/**
 * A row of Deliveries: how far one destination has got with the events of one migration. Each
 * destination has its own, so that none holds another one back.
 */
export interface DeliveryRecord {
  migrationId: string;
  /** `topic`, or `webhook-` and the beginning of a hash of its URL. */
  destination: string;
  /** For people, without what may be secret in a URL. */
  name: string;
  /** The highest sequence number that is known to be stored. */
  known: number;
  /** The highest one that this destination is done with: it took the event, or refused it for good. */
  done: number;
  /** Events that it refused for good. */
  refused: number;
  /** Attempts that failed since the last one that did not. */
  failures: number;
  /** Not before; ISO 8601. */
  nextOn?: string;
  /** Why the last attempt failed, and when. */
  error?: string;
  errorOn?: string;
  /** When it last took events. */
  deliveredOn?: string;
  /** Who delivers at the moment: one at a time, so that the order is kept. */
  lease?: { owner: string; until: string };
  /** The migration was purged: its events stay until all destinations are done with them. */
  retiredOn?: string;
}

/** An event that a destination refused for good. */
export interface Refusal {
  destination: string;
  reason: string;
  /** ISO 8601. */
  on: string;
}

/** A queue message about a migration's events that was given up; a timer goes on without it. */
export interface QueueProblem {
  queue: string;
  count: number;
  /** ISO 8601. */
  lastOn: string;
}

export function isPending({ known, done }: DeliveryRecord): boolean {
  return known > done;
}
