import { expect } from 'vitest';
import { EVENT_TYPES } from '../../../shared/contracts/eventTypes.ts';
import type { EventType } from '../../../shared/contracts/eventTypes.ts';

/** Its type is one of the catalogue, and its data has exactly what the catalogue says. */
export function requireInCatalogue({ type, data }: { type: string; data: unknown }): void {
  expect(Object.keys(EVENT_TYPES)).toContain(type);
  const { error } = EVENT_TYPES[type as EventType].data.strict().safeParse(data);
  expect(error?.issues ?? [], `${type} ${JSON.stringify(data)}`).toEqual([]);
}
