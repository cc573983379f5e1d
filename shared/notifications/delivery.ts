import { randomUUID } from 'node:crypto';
import { isPending } from '../contracts/deliveries.ts';
import type { DeliveryRecord } from '../contracts/deliveries.ts';
import type { StoredEvent, Stores } from '../state/storeInterfaces.ts';
import type { EventDestination } from './destination.ts';

/** Fits the context of a function. Fields never hold what an event says. */
export interface NotificationLog {
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

export interface DeliveryOptions {
  stores: Pick<Stores, 'events' | 'deliveries'>;
  destination: EventDestination;
  migrationId: string;
  log: NotificationLog;
  signal: AbortSignal;
  /** Milliseconds since 1970; for tests. */
  clock?: () => number;
}

export type DeliveryResult =
  // The destination is done with all events.
  | { kind: 'done' }
  // Nothing was to be done now: all is delivered, somebody else delivers, or it is too early.
  | { kind: 'nothing' }
  | { kind: 'failed'; reason: string; retryInMs: number };

/** Pauses after attempts that failed. The last one is how late a destination that comes back is found. */
const BACK_OFF_MS = [2_000, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000];

/** Longer than a request may take and the time between two writes of the row. */
const LEASE_MS = 60_000;
const NOTE_EVERY_MS = 5_000;

const EVENTS_PER_READ = 100;

/** Event Grid takes a megabyte at once. */
const BYTES_PER_REQUEST = 500_000;

export function backOffMs(failures: number): number {
  return BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length) - 1] ?? 0;
}

/**
 * Brings one migration's events to one destination, in their order, from where it stands. Only one
 * process at a time does so, by a lease in the row; where it dies, the next one repeats at most what
 * was not noted yet. What the destination refuses for good is noted at the event and passed over.
 */
export async function deliverEvents(options: DeliveryOptions): Promise<DeliveryResult> {
  const { stores, migrationId, destination } = options;
  const clock = options.clock ?? Date.now;
  const owner = randomUUID();
  const claimed = await claim(options, owner, clock());
  if (claimed === undefined) return { kind: 'nothing' };
  let row: DeliveryRecord = claimed;
  for (;;) {
    const events = await stores.events.page(migrationId, {
      after: row.done,
      top: EVENTS_PER_READ,
    });
    // Where nothing is left of what was known, nobody can deliver it.
    if (events.length === 0) {
      const after = await note(options, owner, { done: row.known, refused: 0 }, clock());
      if (after === undefined || !isPending(after)) return { kind: 'done' };
      row = after;
      continue;
    }
    let notedAt = clock();
    for (const batch of batchesOf(events, destination.batchSize)) {
      const progress = await sendBatch(options, batch, { done: row.done, refused: 0 });
      const isDue = clock() - notedAt >= NOTE_EVERY_MS || batch.at(-1) === events.at(-1);
      if (progress.failure === undefined && progress.refused === 0 && !isDue) {
        row = { ...row, done: progress.done };
        continue;
      }
      notedAt = clock();
      const after = await note(options, owner, progress, notedAt);
      // Another process took over: the lease was lost.
      if (after === undefined) return { kind: 'nothing' };
      row = after;
      if (progress.failure !== undefined) {
        const { reason } = progress.failure;
        const retryInMs = Date.parse(row.nextOn ?? '') - notedAt;
        return { kind: 'failed', reason, retryInMs };
      }
      if (!isPending(row)) return { kind: 'done' };
    }
  }
}

/** Takes the lease when there is something to do now. */
async function claim(
  { stores, migrationId, destination }: DeliveryOptions,
  owner: string,
  now: number,
): Promise<DeliveryRecord | undefined> {
  const seen = await stores.deliveries.get(migrationId, destination.id);
  if (seen === undefined || !isPending(seen)) return undefined;
  const row = await stores.deliveries.update(migrationId, destination.id, (current) =>
    isDue(current, now) ? { ...current, lease: leaseOf(owner, now) } : undefined,
  );
  return row.lease?.owner === owner ? row : undefined;
}

/** There are events for it, its pause is over, and nobody is at it. */
export function isDue(row: DeliveryRecord, now: number): boolean {
  const isTime = row.nextOn === undefined || Date.parse(row.nextOn) <= now;
  const isFree = row.lease === undefined || Date.parse(row.lease.until) <= now;
  return isPending(row) && isTime && isFree;
}

function leaseOf(owner: string, now: number): { owner: string; until: string } {
  return { owner, until: new Date(now + LEASE_MS).toISOString() };
}

interface Progress {
  done: number;
  refused: number;
  failure?: { reason: string; retryAfterMs?: number };
}

/** Sends a batch; one that is refused is halved until it is known which event it was. */
async function sendBatch(
  options: DeliveryOptions,
  batch: readonly StoredEvent[],
  before: Progress,
): Promise<Progress> {
  const last = batch.at(-1);
  if (last === undefined) return before;
  const outcome = await options.destination.send(batch, { signal: options.signal });
  if (outcome.kind === 'accepted') return { ...before, done: last.sequence };
  if (outcome.kind === 'failed') return { ...before, failure: outcome };
  if (batch.length === 1) {
    await noteRefusal(options, last, outcome.reason);
    return { done: last.sequence, refused: before.refused + 1 };
  }
  const middle = Math.ceil(batch.length / 2);
  const first = await sendBatch(options, batch.slice(0, middle), before);
  if (first.failure !== undefined) return first;
  return await sendBatch(options, batch.slice(middle), first);
}

/** Nobody will get it there any more: it is said loudly, and stays visible at the event. */
async function noteRefusal(
  { stores, destination, migrationId, log, clock = Date.now }: DeliveryOptions,
  { sequence, event }: StoredEvent,
  reason: string,
): Promise<void> {
  const on = new Date(clock()).toISOString();
  await stores.events.noteRefusal(migrationId, sequence, {
    destination: destination.id,
    reason,
    on,
  });
  log.error('event refused for good, not delivered', {
    destination: destination.name,
    migration: migrationId,
    sequence,
    type: event.type,
    reason,
  });
}

/** Writes how far it has come; undefined when the lease is lost. */
async function note(
  { stores, destination, migrationId, log }: DeliveryOptions,
  owner: string,
  { done, refused, failure }: Progress,
  now: number,
): Promise<DeliveryRecord | undefined> {
  const on = new Date(now).toISOString();
  let isMine = false;
  const after = await stores.deliveries.update(migrationId, destination.id, (row) => {
    isMine = row.lease?.owner === owner;
    if (!isMine) return undefined;
    const { lease: _lease, nextOn: _nextOn, ...rest } = row;
    const next = {
      ...rest,
      done: Math.max(row.done, done),
      known: Math.max(row.known, done),
      refused: row.refused + refused,
      ...(done > row.done ? { deliveredOn: on } : {}),
    };
    if (failure !== undefined) {
      const failures = (done > row.done ? 0 : row.failures) + 1;
      const pauseMs = Math.max(backOffMs(failures), failure.retryAfterMs ?? 0);
      const nextOn = new Date(now + pauseMs).toISOString();
      return { ...next, failures, nextOn, error: failure.reason, errorOn: on };
    }
    const isMore = isPending(next);
    return { ...next, failures: 0, ...(isMore ? { lease: leaseOf(owner, now) } : {}) };
  });
  if (!isMine) return undefined;
  if (failure !== undefined) {
    log.warn('events not delivered, to be tried again', {
      destination: destination.name,
      migration: migrationId,
      waiting: after.known - after.done,
      failures: after.failures,
      reason: failure.reason,
    });
  }
  return after;
}

/** In their order, as many at once as the destination takes and a request may hold. */
function* batchesOf(events: readonly StoredEvent[], most: number): Generator<StoredEvent[]> {
  let batch: StoredEvent[] = [];
  let bytes = 0;
  for (const stored of events) {
    const size = Buffer.byteLength(JSON.stringify(stored.event));
    if (batch.length > 0 && (batch.length >= most || bytes + size > BYTES_PER_REQUEST)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(stored);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
