import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { MigrationState } from '../../shared/contracts/status.ts';
import { transitionDatabase } from '../../shared/contracts/transitions.ts';
import { sampleDatabase } from '../state/fixtures.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, SECRET, SERVER_PATH, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { COPYING, createIn, FAILED, moveIn, NOW, SUCCEEDED } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const base = (suffix = '') => `${api.url}${SERVER_PATH}${suffix}`;
const create = (change?: Record<string, unknown>) => createIn(api, change);
const moveTo = (record: MigrationRecord, ...states: MigrationState[]) =>
  moveIn(api, record, ...states);

describe('PATCH', () => {
  test('writes what is wanted and wakes the orchestrator without a payload', async () => {
    const { record, url } = await create({ dbsToMigrate: [], startDataMigration: false });
    const answer = await call(url, 'PATCH', {
      properties: { dbsToMigrate: ['a'], overwriteDbsInTarget: true, startDataMigration: 'True' },
      tags: { owner: 'me' },
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      tags: { owner: 'me' },
      properties: { dbsToMigrate: ['a'], overwriteDbsInTarget: 'True', startDataMigration: 'True' },
    });
    expect(api.durable.events.at(-1)).toEqual({ id: record.ref.id, event: 'wake', body: 'null' });
  });

  test('a lost event does not matter to the answer', async () => {
    const { url } = await create();
    api.durable.isDown = true;
    const answer = await call(url, 'PATCH', { properties: { cancel: true } });
    api.durable.isDown = false;
    expect(answer.body.properties?.cancel).toBe('True');
  });

  test('sent twice or before its time it is wanted once', async () => {
    const { record, url } = await create({ migrationMode: 'Online' });
    const body = { properties: { triggerCutover: 'True', dbsToTriggerCutoverOn: ['shop'] } };
    await call(url, 'PATCH', body);
    const answer = await call(url, 'PATCH', body);
    expect(answer.body.properties).toMatchObject({
      triggerCutover: 'True',
      dbsToTriggerCutoverOn: ['shop'],
    });
    await call(url, 'PATCH', { properties: { triggerCutover: 'True' } });
    expect((await api.stores.migrations.get(record.ref))?.wanted).toMatchObject({
      triggerCutover: true,
      cutoverDatabases: [],
    });
  });

  test('secrets are rotated, one by one, and not written when the change is refused', async () => {
    const { record, url } = await create();
    const rotate = (password: string, more = {}) =>
      call(url, 'PATCH', {
        properties: {
          secretParameters: {
            adminCredentials: { targetServerPassword: password },
            sourceServerUsername: 'new',
          },
          ...more,
        },
      });
    expect((await rotate('next')).status).toBe(200);
    expect((await rotate('never', { triggerCutover: true })).status).toBe(409);
    const expected = { sourcePassword: SECRET, targetPassword: 'next' };
    expect(await api.secrets.get(record.secretId)).toEqual(expected);
    expect((await api.stores.migrations.get(record.ref))?.spec.source.user).toBe('new');
  });

  test("libpq's options are changed after a failure, kept by other changes and taken away", async () => {
    const { record, url } = await create({ sourceOptions: '-c a.b=1', targetOptions: '-c c.d=2' });
    await moveTo(record, COPYING, FAILED);
    const optionsAfter = async (properties: Record<string, unknown>) => {
      expect((await call(url, 'PATCH', { properties })).status).toBe(200);
      const spec = (await api.stores.migrations.get(record.ref))?.spec;
      return [spec?.source.options, spec?.target.options];
    };
    expect(await optionsAfter({ sourceTls: { mode: 'require' } })).toEqual([
      '-c a.b=1',
      '-c c.d=2',
    ]);
    expect(await optionsAfter({ sourceOptions: '-c a.b=3' })).toEqual(['-c a.b=3', '-c c.d=2']);
    expect(await optionsAfter({ targetOptions: '' })).toEqual(['-c a.b=3', undefined]);
  });

  test('what the state forbids is 409 and says when it is allowed', async () => {
    const { record, url } = await create();
    const patch = (properties: Record<string, unknown>) => call(url, 'PATCH', { properties });
    await moveTo(record, COPYING);
    const late = await patch({ dbsToMigrate: ['other'] });
    expect(late.status).toBe(409);
    expect(late.body.error).toMatchObject({
      code: 'MigrationStateConflict',
      target: 'properties.dbsToMigrate',
      message: expect.stringMatching(/only before the data.*InProgress\/MigratingData/) as string,
    });
    expect((await patch({ cancel: true })).status).toBe(200);
    await moveTo(record, FAILED);
    expect((await patch({ cancel: true })).status).toBe(409);
    expect((await patch({ cancel: false })).status).toBe(200);
    // The remedy of many a failure, before a resume.
    const secretParameters = { adminCredentials: { sourceServerPassword: 'right' } };
    expect((await patch({ secretParameters })).status).toBe(200);
    expect((await patch({ overwriteDbsInTarget: true })).status).toBe(200);
    await call(`${url}/resume`, 'POST');
    await moveTo(record, COPYING, SUCCEEDED);
    expect((await patch({ secretParameters })).status).toBe(409);
  });

  test('databases that are not part of it, or have ended, are refused', async () => {
    const { record, url } = await create({ migrationMode: 'Online', dbsToMigrate: ['a', 'b'] });
    await api.stores.databases.put(
      sampleDatabase(record.ref.id, { database: 'a', state: 'Succeeded' }),
    );
    const patch = (properties: Record<string, unknown>) => call(url, 'PATCH', { properties });
    const ended = await patch({ triggerCutover: true, dbsToTriggerCutoverOn: ['a'] });
    expect(ended.status).toBe(409);
    expect(ended.body.error?.message).toMatch(/603113.*'a'.*Succeeded/);
    expect((await patch({ cancel: true, dbsToCancelMigrationOn: ['a'] })).status).toBe(409);
    expect((await patch({ cancel: true, dbsToCancelMigrationOn: ['z'] })).status).toBe(400);
    const one = await patch({ cancel: true, dbsToCancelMigrationOn: ['b'] });
    expect(one.body.properties).toMatchObject({ dbsToCancelMigrationOn: ['b'] });
  });

  test('properties that PUT alone takes are refused by name', async () => {
    const { url } = await create();
    const answer = await call(url, 'PATCH', { properties: { sourceType: 'AWS' } });
    expect(answer.body.error).toMatchObject({ target: 'properties.sourceType' });
    expect((await call(url, 'PATCH', {})).status).toBe(200);
  });

  test('databases that would meet on one server are refused here as well', async () => {
    const { url } = await create({
      dbsToMigrate: [],
      targetDbServerFullyQualifiedDomainName: '127.0.0.1:5432',
    });
    const answer = await call(url, 'PATCH', { properties: { dbsToMigrate: ['shop'] } });
    expect(answer.body.error?.message).toMatch(/same server/);
  });
});

describe('DELETE', () => {
  test('cancels an active one, leaves an ended one, and minds nothing', async () => {
    const { record, url } = await create();
    const answer = await call(url, 'DELETE');
    expect([answer.status, answer.body.properties?.cancel]).toEqual([200, 'True']);
    expect((await call(url, 'DELETE')).status).toBe(200);
    await moveTo(record, COPYING, FAILED);
    const events = api.durable.events.length;
    expect((await call(url, 'DELETE')).body.properties?.currentStatus?.state).toBe('Failed');
    expect(api.durable.events).toHaveLength(events);
    expect((await call(base('/migrations/nothing'), 'DELETE')).status).toBe(204);
  });
});

describe('resume', () => {
  test('starts another run and takes up the databases that have not succeeded', async () => {
    const { record, url } = await create({ dbsToMigrate: ['a', 'b'] });
    const running = await call(`${url}/resume`, 'POST');
    expect(running.status).toBe(409);
    for (const [database, state] of [
      ['a', 'Succeeded'],
      ['b', 'Failed'],
    ] as const) {
      await api.stores.databases.put(sampleDatabase(record.ref.id, { database }));
      await api.stores.databases.update(record.ref.id, database, (r) =>
        transitionDatabase(record.ref, r, state, NOW, { message: 'm' }),
      );
    }
    await call(url, 'DELETE');
    await moveTo(record, COPYING, { state: 'Canceled', subState: 'Completed' });
    const answer = await call(`${url}/resume`, 'POST');
    expect(answer.status).toBe(200);
    expect(answer.body.properties).toMatchObject({
      run: 1,
      cancel: 'False',
      currentStatus: { state: 'InProgress', error: '' },
    });
    const states = (await api.stores.databases.list(record.ref.id)).map((d) => [
      d.state,
      d.message,
    ]);
    expect(states).toEqual([
      ['Succeeded', 'm'],
      ['InProgress', ''],
    ]);
    expect(api.durable.instances.get(`${record.ref.id}-1`)?.input).toEqual({
      ref: record.ref,
      run: 1,
    });
    expect((await call(`${url}/resume`, 'POST')).status).toBe(409);
    await moveTo(record, COPYING, SUCCEEDED);
    expect((await call(`${url}/resume`, 'POST')).status).toBe(409);
  });
});

describe('purge', () => {
  test('starts the removal of an ended migration, once', async () => {
    const { record, url } = await create();
    expect((await call(`${url}/purge`, 'POST')).status).toBe(409);
    await moveTo(record, FAILED);
    const starts = api.durable.starts.length;
    const answer = await call(`${url}/purge`, 'POST');
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toMatch(new RegExp(`/migrations/${record.ref.name}\\?`));
    await call(`${url}/purge`, 'POST');
    expect(api.durable.starts.slice(starts)).toEqual([`${record.ref.id}-purge`]);
    expect(api.durable.instances.get(`${record.ref.id}-purge`)?.name).toBe('purgeOrchestrator');
  });
});
