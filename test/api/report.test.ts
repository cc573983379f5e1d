import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationReportSchema } from '../../shared/api/report/schema.ts';
import { transitionDatabase } from '../../shared/contracts/transitions.ts';
import { publishOutbox } from '../../shared/notifications/publisher.ts';
import { sampleDatabase, sampleTable } from '../state/fixtures.ts';
import { call, SECRET, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { COPYING, createIn, moveIn, NOW, SUCCEEDED } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** A migration that has ended, with one database of two tables. */
async function finished() {
  const { record, url } = await createIn(api);
  const { ref } = record;
  await api.stores.databases.put(sampleDatabase(ref.id, { startedOn: NOW, tablesTotal: 2 }));
  await api.stores.tables.putMany(ref.id, 'shop', [
    sampleTable('1', { rows: 5, bytes: 50, state: 'completed', copyMs: 5 }),
    sampleTable('2', { state: 'failed', error: 'no' }),
  ]);
  await moveIn(api, record, COPYING);
  await api.stores.databases.update(ref.id, 'shop', (row) =>
    transitionDatabase(ref, row, 'Succeeded', NOW),
  );
  // One row's events are published, the other's are still about to be.
  await publishOutbox(api.stores, [], { ref });
  await moveIn(api, record, SUCCEEDED);
  return { record, url };
}

async function get(url: string, query: string, accept?: string) {
  const response = await fetch(`${url}/report?api-version=2025-08-01${query}`, {
    headers: accept === undefined ? {} : { accept },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test('the report has all databases and tables, and every event once', async () => {
  const { url } = await finished();
  const answer = await get(url, '');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('application/json');
  const report = migrationReportSchema.strict().parse(JSON.parse(answer.text));
  expect(report).toMatchObject({ isFinal: true, state: 'Succeeded' });
  expect(report.databases[0]?.tables.map(({ table }) => table)).toEqual(['t2', 't1']);
  const states = report.timeline.map(({ state, databaseName }) => [databaseName, state]);
  expect(states.filter(([, state]) => state === 'Succeeded')).toHaveLength(2);
  expect(states.filter(([, state]) => state === 'Created')).toHaveLength(1);
  expect(answer.text).not.toContain(SECRET);
});

test('is written as the Accept header or the parameter wishes', async () => {
  const { url } = await finished();
  const html = await get(url, '', 'text/html,*/*;q=0.8');
  expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(html.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(html.headers.get('vary')).toBe('accept');
  expect(html.text).toMatch(/^<!doctype html>/);
  const markdown = await get(url, '&format=markdown&tables=all', 'text/html');
  expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
  expect(markdown.text).toMatch(/^# Migration /);
  expect((await get(url, '&format=json', 'text/html')).text).toMatch(/^\{/);
});

test('refuses what it does not know', async () => {
  const { url } = await finished();
  const wrong = await call(`${url}/report?format=pdf`, 'GET');
  expect(wrong.status).toBe(400);
  expect(wrong.body.error).toMatchObject({ code: 'InvalidParameterValue', target: 'format' });
  expect((await call(`${url}/report?tables=some`, 'GET')).status).toBe(400);
  expect((await call(`${url}x/report`, 'GET')).status).toBe(404);
  expect((await call(`${url}/report`, 'POST')).status).toBe(405);
});
