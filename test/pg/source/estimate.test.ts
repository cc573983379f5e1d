import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { estimateCopy } from '../../../shared/pg/source/estimate.ts';
import { endpointOf, open } from '../schema/migrateSchema.ts';

let source: ThrowawayCluster;

beforeAll(async () => {
  source = await startThrowawayCluster();
  await source.createDatabase('shop');
  await source.createDatabase('nothing');
  await source.run(
    `create table big (id int primary key, t text);
     insert into big select n, repeat('x', 500) from generate_series(1, 200000) as n;
     create table small (id int);
     create table empty (id int);
     create role blind login;
     analyze`,
    'shop',
  );
});
afterAll(() => source?.stop());

test('sizes, the largest tables, a rate and what follows from it', async () => {
  await using session = await open(endpointOf(source, 'shop'));
  const estimate = await estimateCopy(session, { jobs: 4, excludedOids: [] });
  expect(estimate).toMatchObject({
    tableCount: 3,
    largestTables: [{ name: 'public.big' }, {}, {}],
  });
  expect(estimate.tableBytes).toBeGreaterThan(100_000_000);
  expect(estimate.bytesPerSecond).toBeGreaterThan(1_000_000);
  expect(estimate.seconds).toBeGreaterThan(0);
});

test('the sample ends in its time, and the session is as it was', async () => {
  await using session = await open(endpointOf(source, 'shop'));
  const began = performance.now();
  const estimate = await estimateCopy(session, { jobs: 1, excludedOids: [], sampleMs: 20 });
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(estimate.bytesPerSecond).toBeGreaterThan(0);
  const { rows } = await session.query('show statement_timeout');
  expect(rows).toEqual([{ statement_timeout: '0' }]);
});

test('a table that is locked is estimated by the catalog, and waited for by nobody', async () => {
  const client = await source.connect('shop');
  await client.query('vacuum big');
  await client.query('begin; lock table big in access exclusive mode');
  try {
    await using session = await open(endpointOf(source, 'shop'));
    const estimate = await estimateCopy(session, { jobs: 1, excludedOids: [], sampleMs: 20 });
    expect(estimate.largestTables[0]).toMatchObject({ name: 'public.big' });
    expect(estimate.tableBytes).toBeGreaterThan(100_000_000);
    expect(estimate).not.toHaveProperty('bytesPerSecond');
  } finally {
    await client.end();
  }
});

test('nothing to read, or no right to, is no rate', async () => {
  await using empty = await open(endpointOf(source, 'nothing'));
  expect(await estimateCopy(empty, { jobs: 1, excludedOids: [] })).toEqual({
    tableCount: 0,
    tableBytes: 0,
    indexBytes: 0,
    largestTables: [],
  });
  await using blind = await open(endpointOf(source, 'shop', 'blind'));
  const estimate = await estimateCopy(blind, { jobs: 1, excludedOids: [] });
  expect(estimate.tableBytes).toBeGreaterThan(0);
  expect(estimate).not.toHaveProperty('seconds');
});
