import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { MigrationState } from '../../shared/contracts/status.ts';
import { sampleDatabase, sampleTable } from '../state/fixtures.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, putBody, SERVER_PATH, startApi, SUBSCRIPTION } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { COPYING, createIn, moveIn, NOW, SUCCEEDED } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const base = (suffix = '') => `${api.url}${SERVER_PATH}${suffix}`;
const create = (change?: Record<string, unknown>) => createIn(api, change);
const moveTo = (record: MigrationRecord, ...states: MigrationState[]) =>
  moveIn(api, record, ...states);

describe('GET', () => {
  test('shows databases with the published counters, clamped, and ours beside them', async () => {
    const { record, url } = await create();
    await api.stores.databases.put(
      sampleDatabase(record.ref.id, {
        completedTables: 5_000_000_000,
        rowsCopied: 5_000_000_000,
        operation: 'Copying tables',
        startedOn: NOW,
        notCarried: [{ object: 'role x', reason: 'not on the target' }],
      }),
    );
    const { body } = await call(url, 'GET');
    expect(body.properties?.currentStatus?.currentSubStateDetails.dbDetails).toMatchObject({
      shop: {
        databaseName: 'shop',
        migrationState: 'InProgress',
        fullLoadCompletedTables: 2_147_483_647,
        rowsCopied: 5_000_000_000,
        latency: 0,
        notCarried: [{ object: 'role x', reason: 'not on the target' }],
      },
    });
  });

  test('lists the active ones, or all, page by page', async () => {
    const server = SERVER_PATH.replace('target1', 'lists');
    for (const name of ['a', 'b', 'c']) {
      await call(`${api.url}${server}/migrations/${name}`, 'PUT', putBody());
    }
    const b = await api.stores.migrations.find(`${SUBSCRIPTION}/local/lists`, 'b');
    if (b !== undefined) await moveTo(b, COPYING, SUCCEEDED);
    const names = async (query: string) =>
      (await call(`${api.url}${server}/migrations?${query}`, 'GET')).body.value?.map((m) => m.name);
    expect(await names('')).toEqual(['a', 'c']);
    expect(await names('migrationListFilter=all')).toEqual(['a', 'b', 'c']);
    const first = await call(
      `${api.url}${server}/migrations?migrationListFilter=All&$top=2`,
      'GET',
    );
    expect(first.body.value?.map((m) => m.name)).toEqual(['a', 'b']);
    const second = await call(first.body.nextLink ?? '', 'GET');
    expect(second.body.value?.map((m) => m.name)).toEqual(['c']);
    expect(second.body.nextLink).toBeUndefined();
    const wrong = await call(`${api.url}${server}/migrations?migrationListFilter=Old`, 'GET');
    expect(wrong.body.error?.message).toMatch(/Active, All/);
    const token = await call(`${api.url}${server}/migrations?$skiptoken=x`, 'GET');
    expect(token.body.error?.target).toBe('$skiptoken');
  });

  test('what is not there is 404', async () => {
    const answer = await call(base('/migrations/nothing'), 'GET');
    expect(answer.status).toBe(404);
    expect(answer.body.error?.code).toBe('ResourceNotFound');
  });

  test('tables come page by page, by state, of a database with any name', async () => {
    const database = 'a/b ü%';
    const { record, url } = await create({ dbsToMigrate: [database] });
    const tables = `${url}/databases/${encodeURIComponent(database)}/tables`;
    expect((await call(tables, 'GET')).status).toBe(404);
    await api.stores.databases.put(sampleDatabase(record.ref.id, { database }));
    await api.stores.tables.putMany(
      record.ref.id,
      database,
      Array.from({ length: 5 }, (_, i) =>
        sampleTable(String(i), { state: i === 3 ? 'failed' : 'completed', rows: i }),
      ),
    );
    const first = await call(`${tables}?top=3`, 'GET');
    expect(first.body.value).toHaveLength(3);
    const second = await call(first.body.nextLink ?? '', 'GET');
    expect(second.body.value?.map((t) => t.tableId)).toEqual(['3', '4']);
    const failed = await call(`${tables}?state=failed`, 'GET');
    expect(failed.body.value).toEqual([sampleTable('3', { state: 'failed', rows: 3 })]);
    expect((await call(`${tables}?state=lost`, 'GET')).body.error?.target).toBe('state');
    expect((await call(`${tables}?top=0`, 'GET')).body.error?.target).toBe('top');
  });
});

describe('checkMigrationNameAvailability', () => {
  const type = 'Microsoft.DBforPostgreSQL/flexibleServers/migrations';
  test('free, taken in any case, not valid', async () => {
    const { name } = await create();
    const check = async (text: string) =>
      (await call(base('/checkMigrationNameAvailability'), 'POST', { name: text, type })).body;
    expect(await check('free')).toEqual({
      name: 'free',
      type,
      nameAvailable: true,
      reason: null,
      message: null,
    });
    expect(await check(name.toUpperCase())).toMatchObject({
      nameAvailable: false,
      reason: 'AlreadyExists',
    });
    expect(await check('-x')).toMatchObject({ nameAvailable: false, reason: 'Invalid' });
    const wrong = await call(base('/checkMigrationNameAvailability'), 'POST', {
      name: 'a',
      type: 'b',
    });
    expect(wrong.status).toBe(400);
  });
});
