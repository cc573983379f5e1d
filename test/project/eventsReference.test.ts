import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { EVENTS_FILE, renderEventsReference } from '../../scripts/docs/eventsReference.ts';
import { EVENT_TYPES } from '../../shared/contracts/eventTypes.ts';

test('docs/events.md is what the catalogue says (npm run docs writes it)', async () => {
  expect(await readFile(EVENTS_FILE, 'utf8')).toBe(renderEventsReference());
});

test('each type says when it is told, and whose number it has', () => {
  for (const [name, { when, data }] of Object.entries(EVENT_TYPES)) {
    expect(name).toMatch(/^([A-Z][a-z]+)+$/);
    expect(when).toMatch(/\.$/);
    expect(Object.keys(data.shape)).toEqual(expect.arrayContaining(['migrationId', 'sequence']));
  }
});
