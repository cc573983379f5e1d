/** Writes docs/events.md from the catalogue: `node scripts/docs/eventsReference.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import { ENVIRONMENT } from '../../shared/config/settings.ts';
import { ERROR_CODES, EVENT_TYPE_PREFIX, EVENT_TYPES } from '../../shared/contracts/eventTypes.ts';
import { eventsGuide } from './eventsGuide.ts';

export const EVENTS_FILE = fileURLToPath(new URL('../../docs/events.md', import.meta.url));

/** What of a JSON schema is shown. */
interface Property {
  type?: string;
  description?: string;
  enum?: string[];
  items?: Property;
  properties?: Record<string, Property>;
  required?: string[];
}

const SETTINGS = [
  'EVENT_GRID_TOPIC_ENDPOINT',
  'EVENT_GRID_TOPIC_KEY',
  'PGMOVE_WEBHOOKS',
  'PGMOVE_WEBHOOK_SECRET',
  'PGMOVE_WEBHOOK_ORIGIN',
  'PGMOVE_LATENCY_WARNING_SECONDS',
  'PGMOVE_SLOT_WARNING_MB',
] as const satisfies (keyof typeof ENVIRONMENT)[];

const ABOUT = {
  migration: '`migrations/{name}`',
  database: '`migrations/{name}/databases/{db}`',
  both: '`migrations/{name}` and `migrations/{name}/databases/{db}`',
};

export function renderEventsReference(): string {
  return [
    eventsGuide(EVENT_TYPE_PREFIX),
    '## Settings\n',
    table(
      ['variable', 'meaning'],
      SETTINGS.map((name) => [`\`${name}\``, ENVIRONMENT[name].description ?? '']),
    ),
    '## Types\n',
    `Each stands behind \`${EVENT_TYPE_PREFIX}\`. A property with a question mark may be absent; more properties may be`,
    'added later.\n',
    ...Object.entries(EVENT_TYPES).map(([name, { when, about, data }]) =>
      [
        `### ${name}\n`,
        `${when}\n`,
        `Subject: ${ABOUT[about]}\n`,
        table(['data', 'type', 'meaning'], rowsOf(z.toJSONSchema(data) as Property, '')),
      ].join('\n'),
    ),
    '## Error codes\n',
    `\`errorCode\` is one of ${ERROR_CODES.map((code) => `\`${code}\``).join(', ')}.\n`,
  ].join('\n');
}

function rowsOf({ properties = {}, required = [] }: Property, prefix: string): string[][] {
  return Object.entries(properties).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    // Whatever leaves the service has its number.
    const mark = required.includes(name) || path === 'sequence' ? '' : '?';
    const row = [`\`${path}\`${mark}`, typeOf(property), property.description ?? ''];
    return [row, ...rowsOf(property, `${path}.`)];
  });
}

function typeOf({ type = '', enum: values, items }: Property): string {
  if (values !== undefined) return 'error code';
  return type === 'array' ? `array of ${typeOf(items ?? {})}` : type;
}

function table(titles: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return `${[titles, titles.map(() => '---'), ...rows].map(line).join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(EVENTS_FILE, renderEventsReference());
}
