import { ApiError } from '../../shared/api/errors.ts';
import {
  formatOfAccept,
  MEDIA_TYPES,
  REPORT_FORMATS,
  TABLE_CHOICES,
} from '../../shared/api/report/format.ts';
import { CONTENT_SECURITY_POLICY, renderHtml } from '../../shared/api/report/html.ts';
import { renderMarkdown } from '../../shared/api/report/markdown.ts';
import { reportDocument } from '../../shared/api/report/reportDocument.ts';
import { toMigrationReport } from '../../shared/api/report/toMigrationReport.ts';
import type { EventRecord, MigrationRecord } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';
import { requireMigration } from './answers.ts';
import type { ApiAnswer, ApiHandler } from './call.ts';

/** GET …/report: what a migration has done, also while it does it. */
export const readReport: ApiHandler = async (call) => {
  const record = await requireMigration(call);
  const { query, headers } = call.request;
  const format =
    choiceOf('format', query.get('format'), REPORT_FORMATS) ??
    formatOfAccept(headers.get('accept'));
  const tables = choiceOf('tables', query.get('tables'), TABLE_CHOICES) ?? 'largest';
  const { stores } = call;
  const { id } = record.ref;
  const report = await toMigrationReport(
    {
      record,
      databases: await stores.databases.list(id),
      replications: await toArray(stores.replications.list(id)),
      events: await eventsOf(stores, record),
      tables: (database) => stores.tables.all(id, database),
    },
    { tables, now: Date.now() },
  );
  const vary = { vary: 'accept' };
  if (format === 'json') return { jsonBody: report, headers: vary };
  const document = reportDocument(report);
  const type = { ...vary, 'content-type': `${MEDIA_TYPES[format]}; charset=utf-8` };
  const answer: ApiAnswer =
    format === 'markdown'
      ? { body: renderMarkdown(document), headers: type }
      : {
          body: renderHtml(document),
          headers: {
            ...type,
            'content-security-policy': CONTENT_SECURITY_POLICY,
            'x-content-type-options': 'nosniff',
          },
        };
  return answer;
};

/** Those that are published, then those that are about to be. */
async function eventsOf(stores: Stores, { ref }: MigrationRecord): Promise<EventRecord[]> {
  // In this order: one that is published in between is met twice, not never.
  const waiting = [...(await stores.migrations.outbox(ref))];
  for (const { database } of await stores.databases.list(ref.id)) {
    waiting.push(...(await stores.databases.outbox(ref.id, database)));
  }
  const published = await toArray(stores.events.list(ref.id));
  const known = new Set(published.map(({ id }) => id));
  const late = waiting.filter(({ id }) => !known.has(id));
  return [...published, ...late]
    .map(({ event }) => event)
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function choiceOf<const Values extends readonly string[]>(
  name: string,
  text: string | null,
  values: Values,
): Values[number] | undefined {
  if (text === null || text === '') return undefined;
  const value = values.find((item) => item === text.toLowerCase());
  if (value !== undefined) return value;
  throw new ApiError(
    400,
    'InvalidParameterValue',
    `Parameter '${name}' must be one of ${values.join(', ')}.`,
    { target: name },
  );
}

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
