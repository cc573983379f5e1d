import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReplicationRecord } from '../../shared/contracts/records.ts';
import { sampleDatabase, sampleTable } from '../state/fixtures.ts';
import { SERVER_PATH, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { COPYING, createIn, FAILED, moveIn } from './steps.ts';
import { storageRequests } from './storageRequests.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

async function get(url: string, headers: Record<string, string> = {}) {
  const address = new URL(url);
  if (!address.searchParams.has('api-version'))
    address.searchParams.set('api-version', '2025-08-01');
  const response = await fetch(address, { headers });
  const text = await response.text();
  return {
    status: response.status,
    etag: response.headers.get('etag') ?? '',
    cacheControl: response.headers.get('cache-control'),
    text,
  };
}

const ask = (url: string, etag: string, headers: Record<string, string> = {}) =>
  get(url, { ...headers, 'if-none-match': etag });

/** Asks with the tag of the answer before until the state is another one. */
async function next(url: string, etag: string) {
  let answer = await ask(url, etag);
  await expect
    .poll(async () => (answer = await ask(url, etag)).status, { timeout: 20_000 })
    .toBe(200);
  return answer;
}

test('a migration that has not changed is 304, for two reads of single rows', async () => {
  const { url, record } = await createIn(api);
  await api.stores.databases.put(sampleDatabase(record.ref.id));
  await moveIn(api, record, COPYING, FAILED);
  const first = await get(url);
  expect(first).toMatchObject({ status: 200, cacheControl: 'private, no-cache' });
  expect(first.etag).toMatch(/^W\/"[\w-]{22}"$/);
  let again = first;
  const requests = await storageRequests(async () => (again = await ask(url, first.etag)));
  expect(again).toMatchObject({ status: 304, text: '', etag: first.etag });
  expect(again.cacheControl).toBe('private, no-cache');
  expect(requests).toHaveLength(2);
  for (const request of requests) expect(request).toMatch(/^GET .*PartitionKey=.*RowKey=/);
  const strong = first.etag.slice(2);
  expect((await ask(url, `"other", ${strong}`)).status).toBe(304);
  expect((await ask(url, '*')).status).toBe(304);
  expect((await ask(url, '"other"')).status).toBe(200);
});

test('changes of the row, of a database and of a stream are another state', async () => {
  const { url, record } = await createIn(api, { migrationMode: 'Online' });
  const { id } = record.ref;
  let known = await get(url);
  await moveIn(api, record, COPYING);
  known = await ask(url, known.etag);
  expect(known.status).toBe(200);
  await api.stores.databases.put(sampleDatabase(id));
  known = await next(url, known.etag);
  await api.stores.databases.update(id, 'shop', (row) => ({ record: { ...row, rowsCopied: 7 } }));
  known = await next(url, known.etag);
  expect(known.text).toContain('"rowsCopied":7');
  const stream: ReplicationRecord = {
    ref: record.ref,
    database: 'shop',
    desired: { phase: 'stream', generation: 1, run: 0, slot: 's' },
    observed: { phase: 'streamFailed', generation: 1, run: 0, reason: 'broken', isSlotLost: false },
    waitingInstanceId: '',
  };
  await api.stores.replications.put(stream);
  known = await next(url, known.etag);
});

test('a wait ends with the change, at once when there was one already, and 304 when there is none', async () => {
  const { url, record } = await createIn(api);
  const { etag } = await get(url);
  const waiting = ask(url, etag, { prefer: 'wait=30' });
  await moveIn(api, record, COPYING);
  const changed = await waiting;
  expect(changed.status).toBe(200);
  expect(changed.text).toContain('MigratingData');
  // Of this one the caller does not know yet: it would wait for the next one in vain.
  expect((await ask(url, etag, { prefer: 'wait=3600' })).status).toBe(200);
  expect((await ask(url, changed.etag, { prefer: 'wait=1' })).status).toBe(304);
  const ended = await createIn(api);
  await moveIn(api, ended.record, COPYING, FAILED);
  const last = await get(ended.url);
  // What has ended does not change any more: nobody waits for it.
  expect((await ask(ended.url, last.etag, { prefer: 'wait=30' })).status).toBe(304);
});

test('a list that has not changed is 304, however many migrations it has', async () => {
  const server = `${api.url}${SERVER_PATH}/migrations?migrationListFilter=All`;
  const { record } = await createIn(api);
  const first = await get(server);
  let again = first;
  const requests = await storageRequests(async () => (again = await ask(server, first.etag)));
  expect(again).toMatchObject({ status: 304, text: '', cacheControl: 'private, no-cache' });
  expect(requests).toHaveLength(2);
  await api.stores.databases.put(sampleDatabase(record.ref.id, { rowsCopied: 77 }));
  const changed = await next(server, first.etag);
  expect(changed.text).toContain('"rowsCopied":77');
});

test('a list reads the details of those only that have changed', async () => {
  const server = `${api.url}${SERVER_PATH}/migrations?migrationListFilter=All`;
  await createIn(api);
  const { record } = await createIn(api);
  const ofDatabases = (requests: string[]) =>
    requests.filter((request) => request.endsWith('/Databases()'));
  const { etag } = await get(server);
  await api.stores.databases.put(sampleDatabase(record.ref.id, { rowsCopied: 99 }));
  await next(server, etag);
  const { record: other } = await createIn(api);
  const requests = await storageRequests(() => get(server));
  expect(ofDatabases(requests)).toHaveLength(1);
  expect(other.ref.id).not.toBe(record.ref.id);
});

test('tables and validation that have not changed are 304', async () => {
  const { url, record } = await createIn(api, { migrationOption: 'ValidateAndMigrate' });
  const { id } = record.ref;
  await api.stores.databases.put(sampleDatabase(id));
  await api.stores.tables.putMany(id, 'shop', [sampleTable('1'), sampleTable('2')]);
  const tables = `${url}/databases/shop/tables`;
  const first = await get(tables);
  let again = first;
  const requests = await storageRequests(async () => (again = await ask(tables, first.etag)));
  expect(again).toMatchObject({ status: 304, text: '', cacheControl: 'private, no-cache' });
  expect(requests).toHaveLength(2);
  expect((await ask(`${tables}?state=failed`, first.etag)).status).toBe(200);
  await api.stores.tables.updateMany(id, 'shop', [{ tableId: '2', state: 'failed' }]);
  const changed = await next(tables, first.etag);
  expect(changed.text).toContain('"failed"');

  const report = await get(`${url}/validation`);
  expect(report).toMatchObject({ status: 200, cacheControl: 'private, no-cache' });
  expect((await ask(`${url}/validation`, report.etag)).status).toBe(304);
  await moveIn(api, record, { state: 'InProgress', subState: 'ValidationInProgress' });
  expect((await ask(`${url}/validation`, report.etag)).status).toBe(200);
});

test('answers to changes, and refusals, are kept nowhere', async () => {
  const { answer } = await createIn(api);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('etag')).toBeNull();
  const missing = await get(`${api.url}${SERVER_PATH}/migrations/nothing`);
  expect(missing).toMatchObject({ status: 404, cacheControl: 'no-store' });
});
