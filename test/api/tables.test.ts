import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TableState } from '../../shared/contracts/status.ts';
import { sampleDatabase, sampleTable } from '../state/fixtures.ts';
import { call, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { createIn } from './steps.ts';
import { storageRequests } from './storageRequests.ts';

let api: ApiFixture;
let tables: string;

/** Mixed up, so that the order of the ids is not the order of the states. */
const STATES: readonly TableState[] = ['completed', 'queued', 'failed', 'copying', 'indexing'];
const COUNT = 40;

beforeAll(async () => {
  api = await startApi();
  const { url, record } = await createIn(api);
  tables = `${url}/databases/shop/tables`;
  await api.stores.databases.put(sampleDatabase(record.ref.id));
  const rows = Array.from({ length: COUNT }, (_, index) =>
    sampleTable(String(10 + index), { state: STATES[index % STATES.length] ?? 'queued' }),
  );
  await api.stores.tables.putMany(record.ref.id, 'shop', rows);
});
afterAll(() => api.stop());

async function readAll(query: string) {
  const pages: { tableId: string; state: string }[][] = [];
  let link: string | undefined = `${tables}?${query}`;
  while (link !== undefined) {
    const { status, body } = await call(link, 'GET');
    expect(status, JSON.stringify(body)).toBe(200);
    pages.push((body.value ?? []) as { tableId: string; state: string }[]);
    link = body.nextLink;
  }
  return pages;
}

test('by state the failed ones come first, page by page, every table once', async () => {
  for (const top of [3, 8, 9, 100]) {
    const pages = await readAll(`$orderby=state&$top=${top}`);
    const all = pages.flat();
    expect(new Set(all.map(({ tableId }) => tableId)).size).toBe(COUNT);
    expect(all).toHaveLength(COUNT);
    const order = ['failed', 'copying', 'indexing', 'queued', 'completed'];
    expect(all.map(({ state }) => state)).toEqual(
      order.flatMap((state) => Array.from({ length: COUNT / order.length }, () => state)),
    );
    for (const page of pages) expect(page.length).toBeLessThanOrEqual(top);
  }
});

test('several states may be asked for', async () => {
  const all = (await readAll('state=completed,failed&top=5')).flat();
  expect(all.map(({ state }) => state)).toEqual([
    ...Array.from({ length: 8 }, () => 'failed'),
    ...Array.from({ length: 8 }, () => 'completed'),
  ]);
  const one = (await readAll('state=copying')).flat();
  expect(one).toHaveLength(8);
});

test('a page is one question for each state that it touches', async () => {
  const requests = await storageRequests(() => call(`${tables}?$orderby=state&$top=8`, 'GET'));
  // The migration, the mark, and the failed ones; whether that were all is asked with the next page.
  expect(requests.length).toBeLessThanOrEqual(4);
});

test('what is no state, order or continuation is refused by name', async () => {
  const targetOf = async (query: string) =>
    (await call(`${tables}?${query}`, 'GET')).body.error?.target;
  expect(await targetOf('state=failed,lost')).toBe('state');
  expect(await targetOf('$orderby=rows')).toBe('$orderby');
  expect(await targetOf('$top=0')).toBe('$top');
  expect(await targetOf('$orderby=state&continuation=lost:')).toBe('continuation');
  expect(await targetOf('$orderby=state&continuation=x')).toBe('continuation');
});
