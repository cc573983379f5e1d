import { migrationEvent } from '../../../shared/contracts/events.ts';
import type { MigrationRecord } from '../../../shared/contracts/records.ts';
import { openDeliveryGate } from '../../../shared/notifications/deliveryGate.ts';
import type { EventDestination } from '../../../shared/notifications/destination.ts';
import { dispatch } from '../../../shared/notifications/dispatch.ts';
import type { Dispatcher } from '../../../shared/notifications/dispatch.ts';
import { publishOutbox } from '../../../shared/notifications/publisher.ts';
import type { Stores } from '../../../shared/state/stores.ts';
import { sampleMigration } from '../../state/fixtures.ts';

export interface LogLine {
  level: 'warn' | 'error';
  message: string;
  fields: Record<string, unknown>;
}

/** The part of a process that delivers, with a clock that the test moves. */
export interface TestDispatcher extends Dispatcher {
  clock: () => number;
  lines: LogLine[];
  /** Moves the clock. */
  pass(ms: number): void;
}

export function testDispatcher(
  stores: Stores,
  destinations: readonly EventDestination[],
): TestDispatcher {
  const lines: LogLine[] = [];
  let now = Date.parse('2026-01-01T00:00:00Z');
  return {
    stores,
    destinations,
    gate: openDeliveryGate(),
    signal: new AbortController().signal,
    clock: () => now,
    pass: (ms) => void (now += ms),
    lines,
    log: {
      warn: (message, fields) => void lines.push({ level: 'warn', message, fields }),
      error: (message, fields) => void lines.push({ level: 'error', message, fields }),
    },
  };
}

/** A migration with so many events in its outbox. */
export async function migrationWithEvents(
  stores: Stores,
  count: number,
  scope?: string,
): Promise<MigrationRecord> {
  const sample = sampleMigration();
  const record = { ...sample, ref: { ...sample.ref, scope: scope ?? sample.ref.scope } };
  await stores.migrations.create(record);
  await addEvents(stores, record, count);
  return record;
}

export async function addEvents(
  stores: Stores,
  { ref }: MigrationRecord,
  count: number,
): Promise<void> {
  const events = Array.from({ length: count }, (_, i) =>
    migrationEvent('CutoverReady', ref, '2026-01-02T03:04:05.000Z', {
      state: `event ${i}`,
      previousState: '',
    }),
  );
  await stores.migrations.update(ref, (record) => ({ record, events }));
}

/** What the functions do with the messages: into the log, then to each destination. */
export async function publishAndDeliver(
  dispatcher: TestDispatcher,
  record: MigrationRecord,
): Promise<void> {
  await publishOutbox(dispatcher.stores, dispatcher.destinations, { ref: record.ref });
  await deliverAll(dispatcher, record);
}

export async function deliverAll(
  dispatcher: TestDispatcher,
  { ref }: MigrationRecord,
): Promise<void> {
  await Promise.all(
    dispatcher.destinations.map(({ id }) =>
      dispatch(dispatcher, { migrationId: ref.id, destination: id }),
    ),
  );
}
