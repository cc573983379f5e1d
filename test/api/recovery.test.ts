import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as df from 'durable-functions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { purgeExpired, sweepSecrets, watchMigrations } from '../../functions/durable/watchdog.ts';
import { raise } from '../../functions/durable/instances.ts';
import { transitionMigration } from '../../shared/contracts/transitions.ts';
import { sampleDatabase, sampleMigration } from '../state/fixtures.ts';
import { call, contextOf, putBody, SECRET, SERVER_PATH, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';

let api: ApiFixture;
let client: df.DurableClient;

beforeAll(async () => {
  api = await startApi();
  client = df.getClient(contextOf('test', api.durable.url));
});
afterAll(() => api.stop());

const LATER = new Date('2026-06-01T00:00:00Z');

describe('the watchdog', () => {
  test('starts the instance of a row that has none, and of a young row not yet', async () => {
    const old = sampleMigration();
    const young = sampleMigration({ lastModifiedOn: LATER.toISOString() });
    await api.stores.migrations.create(old);
    await api.stores.migrations.create(young);
    expect(await watchMigrations(api.stores, client, LATER)).toEqual([]);
    expect(api.durable.instances.get(old.ref.id)).toMatchObject({
      name: 'migrationOrchestrator',
      input: { ref: old.ref, run: 0 },
    });
    expect(api.durable.instances.has(young.ref.id)).toBe(false);
    const starts = api.durable.starts.length;
    await watchMigrations(api.stores, client, LATER);
    expect(api.durable.starts).toHaveLength(starts);
  });

  test('ends a migration whose orchestration has ended without it', async () => {
    const record = sampleMigration();
    await api.stores.migrations.create(record);
    await api.stores.databases.put(sampleDatabase(record.ref.id));
    api.durable.instances.set(record.ref.id, { name: 'x', input: null, runtimeStatus: 'Failed' });
    await watchMigrations(api.stores, client, LATER);
    const after = await api.stores.migrations.get(record.ref);
    expect(after?.status).toMatchObject({
      state: 'Failed',
      error: expect.stringMatching(/has ended \(Failed\).*Resume it/) as string,
    });
    expect((await api.stores.databases.list(record.ref.id))[0]?.state).toBe('Failed');
  });

  test('purges what ended long ago, once', async () => {
    const ended = sampleMigration({
      status: { state: 'Succeeded', subState: 'Completed' },
      endedOn: '2026-01-01T00:00:00Z',
    });
    await api.stores.migrations.create(ended);
    await purgeExpired(api.stores, client, LATER, 3_000);
    expect(api.durable.instances.has(`${ended.ref.id}-purge`)).toBe(false);
    await purgeExpired(api.stores, client, LATER, 30);
    await purgeExpired(api.stores, client, LATER, 30);
    expect(api.durable.starts.filter((id) => id === `${ended.ref.id}-purge`)).toHaveLength(1);
  });
});

describe('secrets without a migration', () => {
  test('go after an hour, and no other', async () => {
    const now = Date.now();
    const minutesLater = (minutes: number) => new Date(now + minutes * 60_000);
    const body = putBody();
    const created = await call(`${api.url}${SERVER_PATH}/migrations/sweeping`, 'PUT', body);
    expect(created.status).toBe(201);
    await api.secrets.put('orphan', { sourcePassword: SECRET });
    const ids = async () => {
      const found: string[] = [];
      for await (const { id } of api.secrets.list()) found.push(id);
      return found;
    };
    const before = await ids();
    expect(before).toContain('orphan');
    expect(await sweepSecrets(api.stores, api.secrets, minutesLater(59))).toEqual([]);
    expect(await ids()).toEqual(before);
    expect(await sweepSecrets(api.stores, api.secrets, minutesLater(61))).toEqual([]);
    const named: string[] = [];
    for await (const { secretId } of api.stores.migrations.listEverywhere()) named.push(secretId);
    const after = await ids();
    expect(after).toEqual(before.filter((id) => named.includes(id)));
    expect(after).not.toContain('orphan');
    expect(after.length).toBeGreaterThan(0);
  });
});

test('an event for an instance that is not there or has ended is no failure', async () => {
  expect(await raise(client, 'nobody', 'replication')).toBe(false);
});

describe('events', () => {
  test('a state change puts a message on the queue, so that it is published at once', async () => {
    const record = sampleMigration();
    while ((await api.stores.queues.receive('outbox', { max: 32 })).length > 0);
    await api.stores.migrations.create(record);
    await api.stores.migrations.update(record.ref, (r) =>
      transitionMigration(
        r,
        { state: 'InProgress', subState: 'MigratingData' },
        LATER.toISOString(),
      ),
    );
    const [message] = await api.stores.queues.receive('outbox');
    expect(JSON.parse(message?.text ?? '')).toEqual({ ref: record.ref });
  });
});

test('no secret is in the state, the answers or the orchestration input', async () => {
  const url = `${api.url}${SERVER_PATH}/migrations/secretive`;
  const key = 'KEY-4711-SECRET';
  const body = putBody({ sourceTls: { mode: 'require', cert: 'CERT-PUBLIC', key } });
  const texts = [JSON.stringify(await call(url, 'PUT', body))];
  const patch = {
    properties: { secretParameters: { adminCredentials: { sourceServerPassword: `${SECRET}2` } } },
  };
  texts.push(JSON.stringify(await call(url, 'PATCH', patch)));
  texts.push(JSON.stringify(await call(url, 'GET')));
  texts.push(JSON.stringify([...api.durable.instances.values()]));
  expect(texts.join()).toContain('CERT-PUBLIC');
  // Azurite saves what it holds when it ends.
  await api.azurite.stop();
  const { secrets } = api.settings;
  if (secrets.kind !== 'file') throw new Error('not a file store');
  const folder = path.dirname(secrets.folder);
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of files) {
    if (file.isFile()) texts.push(await readFile(path.join(file.parentPath, file.name), 'latin1'));
  }
  const everything = texts.join('\n');
  // The state is really in there.
  expect(everything).toContain('secretive');
  for (const secret of [SECRET, key]) {
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(Buffer.from(secret).toString('base64').slice(0, -3));
  }
});
