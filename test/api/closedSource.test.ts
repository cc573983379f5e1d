import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleDatabase } from '../state/fixtures.ts';
import { call, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { createIn, NOW } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

test('GET shows what a closed source had before, for whoever opens it again', async () => {
  const { record, url } = await createIn(api, { migrationMode: 'Online' });
  const fence = {
    kind: 'fence',
    acl: '{=Tc/owner,owner=CTc/owner}',
    readOnly: null,
    on: NOW,
  } as const;
  await api.stores.databases.put(
    sampleDatabase(record.ref.id, {
      cutover: { requestedOn: NOW, fenced: true },
      sourceChanges: [fence],
    }),
  );
  const { properties } = (await call(url, 'GET')).body;
  expect(properties?.currentStatus?.currentSubStateDetails.dbDetails).toMatchObject({
    shop: { cutover: { fenced: true, fence: { acl: fence.acl, readOnly: null } } },
  });
});
