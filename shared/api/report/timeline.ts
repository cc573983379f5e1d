import type { EventRecord } from '../../contracts/records.ts';
import { given } from './given.ts';
import type { MigrationReport } from './schema.ts';

/** Events that are a step of their own; all others say the same again for those who listen. */
const STEPS: Readonly<Record<string, (data: EventRecord['data']) => string | undefined>> = {
  MigrationCreated: () => 'Created',
  MigrationStateChanged: ({ state }) => textOf(state),
  DatabaseStateChanged: ({ state }) => textOf(state),
  SlotDropped: () => 'Slot dropped',
};

export function timelineOf(events: readonly EventRecord[]): MigrationReport['timeline'] {
  return events.flatMap(({ type, time, data }) => {
    const state = STEPS[type]?.(data);
    if (state === undefined) return [];
    return [
      {
        time,
        ...given({ databaseName: textOf(data['databaseName']) }),
        state,
        ...given({
          subState: textOf(data['subState']),
          message: textOf(data['message']) ?? textOf(data['error']) ?? textOf(data['reason']),
        }),
      },
    ];
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
