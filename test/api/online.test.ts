import type { DatabaseRecord, ReplicationRecord } from '../../shared/contracts/records.ts';
import { sampleDatabase } from '../state/fixtures.ts';
import { watchStreams } from '../../functions/durable/streamWatch.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, putBody, SERVER_PATH, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { COPYING, createIn, FAILED, moveIn, NOW } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const create = (change: Record<string, unknown> = {}) =>
  createIn(api, { migrationMode: 'Online', ...change });

const STREAM: NonNullable<ReplicationRecord['stream']> = {
  slot: 'pgmove_1',
  consistentPoint: '0/1',
  receivedLsn: '0/30',
  appliedLsn: '0/20',
  latencySeconds: 1.6,
  lagBytes: 16,
  retainedBytes: 5_000_000_000,
  walStatus: 'reserved',
  transactions: 3,
  incomingChanges: 5_000_000_000,
  appliedChanges: 7,
  inserts: 4,
  updates: 2,
  deletes: 1,
  truncates: 0,
  tablesPending: 0,
  tablesCopying: 1,
  tablesReady: 2,
  unplannedTables: ['public.late'],
  warnings: ['The lag grows.'],
  updatedOn: NOW,
};

function replication(
  ref: ReplicationRecord['ref'],
  change: Partial<ReplicationRecord> = {},
): ReplicationRecord {
  return {
    ref,
    database: 'shop',
    desired: { phase: 'stream', generation: 1, run: 0, slot: 'pgmove_1' },
    observed: { phase: 'streaming', generation: 1, run: 0, stage: 'caughtUp', since: NOW },
    stream: STREAM,
    waitingInstanceId: '',
    ...change,
  };
}

const put = (migrationId: string, change: Partial<DatabaseRecord>) =>
  api.stores.databases.put(sampleDatabase(migrationId, change));

test('GET shows the stream of each database, its counters in the published ones, and its cutover', async () => {
  const { record, url } = await create({ dbsToMigrate: ['shop', 'other'] });
  const cutover = { requestedOn: NOW, endedOn: NOW, durationMs: 900, lsn: '0/20', fenced: true };
  await put(record.ref.id, { cutover });
  await put(record.ref.id, { database: 'other' });
  await api.stores.replications.put(replication(record.ref));
  const details = async () => {
    const { properties } = (await call(url, 'GET')).body;
    return properties?.currentStatus?.currentSubStateDetails.dbDetails as Record<string, object>;
  };
  const { shop, other } = await details();
  expect(shop).toMatchObject({
    cdcInsertCounter: 4,
    cdcUpdateCounter: 2,
    cdcDeleteCounter: 1,
    appliedChanges: 7,
    incomingChanges: 2_147_483_647,
    latency: 2,
    stream: {
      slot: 'pgmove_1',
      stage: 'caughtUp',
      receivedLsn: '0/30',
      appliedLsn: '0/20',
      lagBytes: 16,
      retainedBytes: 5_000_000_000,
      walStatus: 'reserved',
      tablesReady: 2,
      unplannedTables: ['public.late'],
      // What was written last is months old.
      warnings: ['The lag grows.', expect.stringMatching(/replicator has been silent/)],
    },
    cutover,
  });
  expect(shop).not.toHaveProperty('stream.safeWalSize');
  expect(other).toMatchObject({ cdcInsertCounter: 0, latency: 0 });
  expect(other).not.toHaveProperty('stream');
  const reason = 'The slot is gone.';
  const observed = {
    phase: 'streamFailed',
    generation: 1,
    run: 0,
    reason,
    isSlotLost: true,
  } as const;
  await api.stores.replications.put(replication(record.ref, { observed }));
  expect((await details()).shop).toMatchObject({ stream: { failure: reason } });
  const list = await call(`${api.url}${SERVER_PATH}/migrations`, 'GET');
  expect(JSON.stringify(list.body.value)).toContain(reason);
});

test('fenceSource and setReplicaIdentityFull are taken, shown, and refused for Offline', async () => {
  const { record, url, answer } = await create({
    fenceSource: 'true',
    setReplicaIdentityFull: true,
  });
  const expected = { fenceSource: 'True', setReplicaIdentityFull: 'True' };
  expect(answer.body.properties).toMatchObject(expected);
  expect((await api.stores.migrations.get(record.ref))?.spec).toMatchObject({
    fenceSource: true,
    setReplicaIdentityFull: true,
  });
  const patched = await call(url, 'PATCH', { properties: { fenceSource: 'False' } });
  expect(patched.body.properties).toMatchObject({ ...expected, fenceSource: 'False' });
  const offline = await call(
    `${api.url}${SERVER_PATH}/migrations/fenced-offline`,
    'PUT',
    putBody({ fenceSource: 'True' }),
  );
  expect([offline.status, offline.body.error?.target]).toEqual([400, 'properties.fenceSource']);
  const { properties } = (await createIn(api, { fenceSource: 'False' })).answer.body;
  expect(properties).toMatchObject({ fenceSource: 'False', setReplicaIdentityFull: 'False' });
});

test('fenceSource may change until a cutover is under way, and again after one that failed', async () => {
  const { record, url } = await create();
  const patch = async () =>
    (await call(url, 'PATCH', { properties: { fenceSource: 'True' } })).status;
  await moveIn(api, record, COPYING);
  await put(record.ref.id, { generation: 1 });
  expect(await patch()).toBe(200);
  await put(record.ref.id, { generation: 1, cutover: { requestedOn: NOW, fenced: false } });
  expect(await patch()).toBe(409);
  const failure = 'It did not drain.';
  await put(record.ref.id, { cutover: { requestedOn: NOW, fenced: false, failure } });
  expect(await patch()).toBe(200);
  const late = await call(url, 'PATCH', { properties: { setReplicaIdentityFull: 'True' } });
  expect(late.status).toBe(409);
});

test('a cutover is refused with 409: offline, ended migrations, ended databases', async () => {
  const cutover = (url: string, names?: string[]) =>
    call(url, 'PATCH', {
      properties: {
        triggerCutover: 'True',
        ...(names === undefined ? {} : { dbsToTriggerCutoverOn: names }),
      },
    });
  const offline = await cutover((await createIn(api)).url);
  expect([offline.status, offline.body.error?.message]).toEqual([
    409,
    expect.stringMatching(/^603114: .*Offline/),
  ]);
  const ended = await create();
  await moveIn(api, ended.record, COPYING, FAILED);
  const afterEnd = await cutover(ended.url);
  expect([afterEnd.status, afterEnd.body.error?.message]).toEqual([
    409,
    expect.stringMatching(/^603113: .*Failed\/Completed/),
  ]);
  const { record, url } = await create({ dbsToMigrate: ['a', 'b'] });
  await moveIn(api, record, COPYING);
  await put(record.ref.id, { database: 'a', state: 'Succeeded' });
  // b has no row yet: the cutover is remembered for it.
  expect((await cutover(url, ['b'])).status).toBe(200);
  expect((await cutover(url, ['a', 'b'])).status).toBe(409);
  await put(record.ref.id, { database: 'b', state: 'Canceling' });
  const late = await cutover(url, ['b']);
  expect([late.status, late.body.error?.message]).toEqual([
    409,
    expect.stringMatching(/^603113: .*'b'.*Canceling/),
  ]);
  const all = await cutover(url);
  expect([all.status, all.body.error?.message]).toEqual([
    409,
    expect.stringMatching(/^603113: .*'a' is Succeeded, 'b' is Canceling/),
  ]);
});

test('a PATCH wakes the orchestrations of the databases too, and minds none that has ended', async () => {
  const { record, url } = await create({ dbsToMigrate: ['shop', 'other', 'third'] });
  const running = `${record.ref.id}:0:1`;
  const ended = `${record.ref.id}:0:2`;
  api.durable.instances.set(running, {
    name: 'migrateDatabase',
    input: {},
    runtimeStatus: 'Running',
  });
  api.durable.instances.set(ended, {
    name: 'migrateDatabase',
    input: {},
    runtimeStatus: 'Completed',
  });
  for (const [database, waitingInstanceId] of [
    ['shop', running],
    ['other', ended],
    ['third', 'nobody'],
  ] as const) {
    await api.stores.replications.put(replication(record.ref, { database, waitingInstanceId }));
  }
  const seen = api.durable.events.length;
  const answer = await call(url, 'PATCH', { properties: { triggerCutover: 'True' } });
  expect(answer.status).toBe(200);
  const events = api.durable.events.slice(seen).map(({ id, event }) => [id, event]);
  expect(events).toEqual([
    [record.ref.id, 'wake'],
    [running, 'replication'],
  ]);
  expect((await call(url, 'DELETE')).status).toBe(200);
  expect(api.durable.events.at(-1)).toMatchObject({ id: running, event: 'replication' });
});

test('no stream outlives its migration: a failed database keeps it for a time, any other gives it up', async () => {
  const { record } = await create({ dbsToMigrate: ['shop', 'other', 'open'] });
  const { id } = record.ref;
  await put(id, { state: 'Failed' });
  await put(id, { database: 'other', state: 'Canceled' });
  await put(id, { database: 'open', state: 'InProgress' });
  for (const database of ['shop', 'other', 'open']) {
    await api.stores.replications.put(replication(record.ref, { database }));
  }
  const gone = { ...record.ref, id: 'no-such-migration' };
  await api.stores.replications.put(replication(gone));
  const now = new Date('2026-03-01T00:00:00.000Z');
  expect(await watchStreams(api.stores, now, 24)).toEqual([]);
  const desiredOf = async (migrationId: string, database: string) =>
    (await api.stores.replications.get(migrationId, database))?.desired;
  expect(await desiredOf(id, 'shop')).toMatchObject({ until: '2026-03-02T00:00:00.000Z' });
  expect(await desiredOf(id, 'other')).toMatchObject({ phase: 'released', slot: 'pgmove_1' });
  expect(await desiredOf(gone.id, 'shop')).toMatchObject({ phase: 'released' });
  const open = await desiredOf(id, 'open');
  expect(open).toMatchObject({ phase: 'stream' });
  expect(open).not.toHaveProperty('until');
});
