import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleListSchema } from '../../shared/api/resource.ts';
import { sampleDatabase } from '../state/fixtures.ts';
import { call, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { createIn } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

test('gives what was noted, in the shape of the document, and what is later than a time', async () => {
  const { url, record } = await createIn(api);
  const { id } = record.ref;
  const samples = `${url}/databases/shop/samples`;
  expect((await call(samples, 'GET')).status).toBe(404);
  await api.stores.databases.put(sampleDatabase(id));
  expect((await call(samples, 'GET')).body).toEqual({ value: [] });
  await api.stores.samples.note(id, 'shop', { rows: 5_000_000_000, bytes: 7 });
  const stream = { appliedChanges: 1, incomingChanges: 2, latencySeconds: 1.5, lagBytes: 3 };
  await api.stores.samples.note(id, 'shop', { ...stream, slotBytes: 4 }, true);
  const { body, headers } = await call(samples, 'GET');
  const { value } = sampleListSchema.parse(body);
  // Both writers' figures are one sample, unless ten seconds ended between them.
  const merged = Object.assign({}, ...value) as Record<string, unknown>;
  expect(merged).toMatchObject({ rows: 5_000_000_000, bytes: 7, ...stream, slotBytes: 4 });
  expect(headers.get('cache-control')).toBe('private, no-cache');
  const time = value.at(-1)?.time ?? '';
  expect((await call(`${samples}?after=${time}`, 'GET')).body).toEqual({ value: [] });
  const before = new Date(Date.parse(value[0]?.time ?? '') - 1).toISOString();
  expect((await call(`${samples}?after=${before}`, 'GET')).body.value).toHaveLength(value.length);
  const wrong = await call(`${samples}?after=yesterday`, 'GET');
  expect(wrong.body.error?.target).toBe('after');
});
