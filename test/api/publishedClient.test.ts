import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, SERVER_PATH, startApi, SUBSCRIPTION } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';

/** The client that Azure publishes for this resource, unchanged. */
let api: ApiFixture;
let client: PostgreSQLManagementFlexibleServerClient;

beforeAll(async () => {
  api = await startApi();
  const credential = { getToken: () => Promise.resolve({ token: 'none', expiresOnTimestamp: 0 }) };
  client = new PostgreSQLManagementFlexibleServerClient(credential, SUBSCRIPTION, {
    endpoint: api.url,
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });
  // Over plain HTTP it refuses to send tokens.
  client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
});
afterAll(() => api.stop());

const GROUP = 'Local';
const SERVER = 'target1';

test('creates, reads, lists, changes, checks names and cancels', async () => {
  const { migrations } = client;
  const created = await migrations.create(GROUP, SERVER, 'published1', {
    location: 'local',
    tags: { team: 'a' },
    sourceDbServerResourceId: '127.0.0.1:5432@postgres',
    targetDbServerFullyQualifiedDomainName: '127.0.0.1:5433',
    migrationMode: 'Offline',
    migrationOption: 'ValidateAndMigrate',
    sourceType: 'OnPremises',
    sslMode: 'Prefer',
    overwriteDbsInTarget: 'True',
    dbsToMigrate: ['db1', 'db2'],
    migrationWindowStartTimeInUtc: new Date('2026-01-01T00:00:00Z'),
    secretParameters: {
      adminCredentials: { sourceServerPassword: 'a', targetServerPassword: 'b' },
      targetServerUsername: 'mover',
    },
  });
  expect(created.name).toBe('published1');
  expect(created.id).toBe(`${SERVER_PATH}/migrations/published1`);
  expect(created.currentStatus?.state).toBe('InProgress');
  expect(created.secretParameters).toBeUndefined();
  expect(created.migrationWindowStartTimeInUtc).toEqual(new Date('2026-01-01T00:00:00Z'));

  const read = await migrations.get(GROUP, SERVER, 'published1');
  expect(read).toEqual(created);
  expect(read.systemData?.createdAt).toBeInstanceOf(Date);

  const listed = [];
  for await (const item of migrations.listByTargetServer(GROUP, SERVER, {
    migrationListFilter: 'All',
  })) {
    listed.push(item.name);
  }
  expect(listed).toEqual(['published1']);

  const updated = await migrations.update(GROUP, SERVER, 'published1', {
    overwriteDbsInTarget: 'False',
    tags: { team: 'b' },
  });
  expect(updated).toMatchObject({ overwriteDbsInTarget: 'False', tags: { team: 'b' } });

  const type = 'Microsoft.DBforPostgreSQL/flexibleServers/migrations';
  const check = (name: string) => migrations.checkNameAvailability(GROUP, SERVER, { name, type });
  expect(await check('published1')).toMatchObject({
    nameAvailable: false,
    reason: 'AlreadyExists',
  });
  expect(await check('published2')).toMatchObject({ nameAvailable: true });

  const canceled = await migrations.cancel(GROUP, SERVER, 'published1');
  expect(canceled.cancel).toBe('True');
  await migrations.cancel(GROUP, SERVER, 'nothing');
});

test('gets errors it understands', async () => {
  const missing = client.migrations.get(GROUP, SERVER, 'nothing');
  await expect(missing).rejects.toMatchObject({ statusCode: 404, code: 'ResourceNotFound' });
  const offline = client.migrations.update(GROUP, SERVER, 'published1', { triggerCutover: 'True' });
  await expect(offline).rejects.toMatchObject({
    statusCode: 409,
    message: expect.stringContaining('603114') as string,
  });
});

test('what GET gave can be put under another name', async () => {
  const { body } = await call(`${api.url}${SERVER_PATH}/migrations/published1`, 'GET');
  const secretParameters = { targetServerUsername: 'mover' };
  const copy = { ...body, properties: { ...body.properties, secretParameters } };
  const answer = await call(`${api.url}${SERVER_PATH}/migrations/published3`, 'PUT', copy);
  expect(answer.body.error).toBeUndefined();
  expect(answer.status).toBe(201);
});
