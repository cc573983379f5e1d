import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endpointOf } from '../../shared/api/endpoints.ts';
import { call, putBody, SECRET, SERVER_PATH, startApi, SUBSCRIPTION } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { createIn } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const base = (suffix = '') => `${api.url}${SERVER_PATH}${suffix}`;
const create = (change?: Record<string, unknown>) => createIn(api, change);

async function secretCount() {
  const { secrets } = api.settings;
  if (secrets.kind !== 'file') throw new Error('not a file store');
  return (await readdir(secrets.folder)).filter((name) => name.endsWith('.secret')).length;
}

describe('PUT', () => {
  test('creates the row, starts the instance and answers the published shape', async () => {
    const { name, answer, record } = await create();
    const { properties } = answer.body;
    expect(answer.body).toMatchObject({
      id: `${SERVER_PATH}/migrations/${name}`,
      type: 'Microsoft.DBforPostgreSQL/flexibleServers/migrations',
      location: 'local',
      systemData: { createdByType: 'User' },
    });
    expect(properties).toMatchObject({
      migrationId: record.ref.id,
      migrationMode: 'Offline',
      migrationOption: 'ValidateAndMigrate',
      sourceType: 'OnPremises',
      sslMode: 'Prefer',
      overwriteDbsInTarget: 'False',
      migrateRoles: 'False',
      setupLogicalReplicationOnSourceDbIfNeeded: 'False',
      triggerCutover: 'False',
      cancel: 'False',
      dbsToMigrate: ['shop'],
      sourceDbServerResourceId: '127.0.0.1:5432@postgres',
      targetDbServerResourceId: SERVER_PATH,
      targetDbServerFullyQualifiedDomainName: '127.0.0.1:5433',
      currentStatus: {
        state: 'InProgress',
        error: '',
        currentSubStateDetails: { currentSubState: 'PerformingPreRequisiteSteps', dbDetails: {} },
      },
    });
    expect(properties).not.toHaveProperty('secretParameters');
    expect(api.durable.instances.get(record.ref.id)).toMatchObject({
      name: 'migrationOrchestrator',
      input: { ref: record.ref, run: 0 },
    });
    expect(await api.secrets.get(record.secretId)).toEqual({
      sourcePassword: SECRET,
      targetPassword: SECRET,
    });
  });

  test('an equal body is 200 whatever the order, spelling and secrets; another is 409', async () => {
    const { name, url } = await create({ migrationMode: 'offline', overwriteDbsInTarget: true });
    const other = putBody({
      overwriteDbsInTarget: 'True',
      migrationMode: 'Offline',
      secretParameters: { targetServerUsername: 'mover' },
      migrationId: 'ignored',
      currentStatus: {},
    });
    expect((await call(url, 'PUT', other)).status).toBe(200);
    const upper = base(`/migrations/${name.toUpperCase()}`);
    expect((await call(upper, 'PUT', other)).body.name).toBe(name);
    const answer = await call(url, 'PUT', putBody({ jobs: 9 }));
    expect(answer.status).toBe(409);
    expect(answer.body.error).toMatchObject({ code: 'MigrationNameAlreadyExists' });
  });

  test('two at once make one migration and leave one secret', async () => {
    const url = base('/migrations/twins');
    const before = api.durable.instances.size;
    const secretsBefore = await secretCount();
    const answers = await Promise.all([1, 2, 3].map(() => call(url, 'PUT', putBody())));
    expect(answers.map((a) => a.status).sort((a, b) => a - b)).toEqual([200, 200, 201]);
    expect(new Set(answers.map((a) => a.body.properties?.migrationId)).size).toBe(1);
    expect(api.durable.instances.size).toBe(before + 1);
    expect(await secretCount()).toBe(secretsBefore + 1);
  });

  test('killed before the instance was started: the same PUT starts it', async () => {
    api.durable.isDown = true;
    const { url, record } = await create();
    api.durable.isDown = false;
    expect(api.durable.instances.has(record.ref.id)).toBe(false);
    expect((await call(url, 'PUT', putBody())).status).toBe(200);
    expect(api.durable.instances.has(record.ref.id)).toBe(true);
  });

  test('where the source is: domain name, resource id, IPv6, user of the parameters', async () => {
    const source = async (change: Record<string, unknown>) =>
      (await create(change)).record.spec.source;
    expect(await source({ sourceDbServerResourceId: '[2001:db8::1]:6000@me@srv' })).toMatchObject({
      host: '2001:db8::1',
      port: 6000,
      user: 'me@srv',
    });
    expect(
      await source({ sourceDbServerFullyQualifiedDomainName: 'db.example.invalid' }),
    ).toMatchObject({ host: 'db.example.invalid', port: 5432, user: 'postgres' });
    const credentials = {
      secretParameters: { sourceServerUsername: 'reader', targetServerUsername: 'mover' },
    };
    expect(await source(credentials)).toMatchObject({ host: '127.0.0.1', user: 'reader' });
    const arm = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.DBforPostgreSQL/servers/old1`;
    expect(
      await source({
        ...credentials,
        sourceDbServerResourceId: arm,
        sourceType: 'PostgreSQLSingleServer',
      }),
    ).toMatchObject({
      host: 'old1.postgres.database.azure.com',
      port: 5432,
      tls: { mode: 'verify-full' },
    });
  });

  test.each<[string, Record<string, unknown>, string, RegExp]>([
    ['an unknown property', { speed: 1 }, 'properties.speed', /Unknown property/],
    ['a wrong enum', { migrationMode: 'Sideways' }, 'properties.migrationMode', /Offline, Online/],
    ['a wrong type', { dbsToMigrate: 'shop' }, 'properties.dbsToMigrate', /array/],
    ['a wrong item', { dbsToMigrate: ['a', 7] }, 'properties.dbsToMigrate[1]', /string/],
    ['a wrong boolean', { migrateRoles: 'yes' }, 'properties.migrateRoles', /"True" or "False"/],
    ['a name twice', { dbsToMigrate: ['a', 'a'] }, 'properties.dbsToMigrate', /twice/],
    ['a name too long', { dbsToMigrate: ['ä'.repeat(32)] }, 'properties.dbsToMigrate[0]', /63/],
    ['no job', { jobs: 0 }, 'properties.jobs', /between 1 and 64/],
    [
      'a bad date',
      { migrationWindowStartTimeInUtc: 'soon' },
      'properties.migrationWindowStartTimeInUtc',
      /ISO 8601/,
    ],
    [
      'no source',
      { sourceDbServerResourceId: null },
      'properties.sourceDbServerResourceId',
      /needed/,
    ],
    [
      'a bad source',
      { sourceDbServerResourceId: 'a b' },
      'properties.sourceDbServerResourceId',
      /not an address/,
    ],
    [
      'a bad port',
      { sourceDbServerResourceId: 'a:99999@b' },
      'properties.sourceDbServerResourceId',
      /not an address/,
    ],
    [
      'a socket',
      { sourceDbServerResourceId: '/run/postgresql@b' },
      'properties.sourceDbServerResourceId',
      /not an address/,
    ],
    [
      'no source user',
      { sourceDbServerResourceId: 'a:1' },
      'properties.secretParameters.sourceServerUsername',
      /needed/,
    ],
    [
      'no target user',
      { secretParameters: {} },
      'properties.secretParameters.targetServerUsername',
      /needed/,
    ],
    [
      'an unknown secret',
      { secretParameters: { password: SECRET } },
      'properties.secretParameters.password',
      /Unknown/,
    ],
    [
      'a cutover of an offline migration',
      { triggerCutover: true },
      'properties.triggerCutover',
      /603114/,
    ],
    [
      'a list without its flag',
      { dbsToCancelMigrationOn: ['shop'] },
      'properties.dbsToCancelMigrationOn',
      /needs properties.cancel/,
    ],
    [
      'a certificate without key',
      { sourceTls: { cert: 'x' } },
      'properties.sourceTls',
      /both cert and key/,
    ],
    [
      'options that no message can hold',
      { sourceOptions: '-c a=b\0c' },
      'properties.sourceOptions',
      /null character/,
    ],
    [
      'a link-local source',
      { sourceDbServerResourceId: '169.254.169.254:5432@a' },
      'properties.sourceDbServerResourceId',
      /link-local/,
    ],
    [
      'a link-local number',
      { sourceDbServerResourceId: '2852039166:5432@a' },
      'properties.sourceDbServerResourceId',
      /link-local/,
    ],
    [
      'a link-local IPv6',
      { targetDbServerFullyQualifiedDomainName: '[fe80::1]:5432' },
      'properties.targetDbServerFullyQualifiedDomainName',
      /link-local/,
    ],
    [
      'a mapped link-local',
      { targetDbServerFullyQualifiedDomainName: '[::ffff:169.254.1.1]' },
      'properties.targetDbServerFullyQualifiedDomainName',
      /link-local/,
    ],
    [
      'one server and database',
      { targetDbServerFullyQualifiedDomainName: 'localhost:5432' },
      'properties.targetDbServerFullyQualifiedDomainName',
      /same server/,
    ],
    [
      'a rename onto a migrated one',
      {
        targetDbServerFullyQualifiedDomainName: 'localhost',
        dbsToMigrate: ['a', 'b'],
        targetDbNames: { a: 'b', b: 'c' },
      },
      'properties.targetDbServerFullyQualifiedDomainName',
      /written over database 'b'/,
    ],
    [
      'two into one',
      { dbsToMigrate: ['a', 'b'], targetDbNames: { a: 'b' } },
      'properties.targetDbNames',
      /both become 'b'/,
    ],
    [
      'a rename of nothing',
      { targetDbNames: { x: 'y' } },
      'properties.targetDbNames',
      /not migrated/,
    ],
  ])('refuses %s by name', async (_what, change, target, message) => {
    const answer = await call(base('/migrations/refused'), 'PUT', putBody(change));
    expect(answer.body.error?.message).toMatch(message);
    expect(answer.body.error?.target).toBe(target);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
    expect((await call(base('/migrations/refused'), 'GET')).status).toBe(404);
  });

  test("carries libpq's options of each side to where it connects", async () => {
    const sourceOptions = '-c search_path=shop,public -c geqo=off';
    const { record, answer } = await create({ sourceOptions, targetOptions: '' });
    expect(answer.body.properties?.sourceOptions).toBe(sourceOptions);
    expect(endpointOf(record, 'source', 'shop', {}, []).options).toBe(sourceOptions);
    expect(answer.body.properties).not.toHaveProperty('targetOptions');
    expect(endpointOf(record, 'target', 'shop', {}, [])).not.toHaveProperty('options');
  });

  test('the same server is fine with another database', async () => {
    const { record } = await create({
      targetDbServerFullyQualifiedDomainName: '127.0.0.1:5432',
      targetDbNames: { shop: 'shop2' },
    });
    expect(record.spec.targetDbNames).toEqual({ shop: 'shop2' });
  });

  test('every property that is wrong is named at once', async () => {
    const answer = await call(base('/migrations/x'), 'PUT', {
      properties: { jobs: 'many', nonsense: 1, sslMode: 'No' },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.error?.details).toHaveLength(4);
  });

  test('refuses what is no JSON without repeating it, and what is too large', async () => {
    const url = base('/migrations/x');
    const broken = await call(url, 'PUT', `{"properties":{"password":"${SECRET}"`);
    expect(broken.status).toBe(400);
    expect(broken.body.error?.code).toBe('InvalidRequestContent');
    expect(JSON.stringify(broken.body)).not.toContain(SECRET);
    expect((await call(url, 'PUT', '')).status).toBe(400);
    expect((await call(url, 'PUT', '[1]')).status).toBe(400);
    const large = await call(url, 'PUT', putBody({ includeTables: ['x'.repeat(1_100_000)] }));
    expect(large.status).toBe(413);
  });

  test.each(['-a', 'a_b', 'a'.repeat(64), 'a.b'])('refuses the name %s', async (name) => {
    const answer = await call(base(`/migrations/${name}`), 'PUT', putBody());
    expect(answer.status).toBe(400);
    expect(answer.body.error?.target).toBe('migrationName');
  });
});

describe('the path', () => {
  test('versions: published and newer ones pass, others and none do not', async () => {
    const status = async (version: string) => {
      const answer = await call(
        base(`/migrations?api-version=${version}`),
        'GET',
        undefined,
        version,
      );
      return answer.body.error?.code ?? answer.status;
    };
    expect(await status('2024-08-01')).toBe(200);
    expect(await status('2022-05-01-preview')).toBe(200);
    expect(await status('2031-01-01')).toBe(200);
    expect(await status('2019-01-01')).toBe('InvalidApiVersionParameter');
    expect(await status('newest')).toBe('InvalidApiVersionParameter');
    expect(await status('')).toBe('MissingApiVersionParameter');
  });

  test('matches without case, and names what is wrong in it', async () => {
    const { name } = await create();
    const upper = `${api.url}${SERVER_PATH.toUpperCase()}/MIGRATIONS/${name}`;
    expect((await call(upper, 'GET')).body.name).toBe(name);
    const bad = `${api.url}${SERVER_PATH.replace(SUBSCRIPTION, 'mine')}/migrations`;
    expect((await call(bad, 'GET')).body.error?.target).toBe('subscriptionId');
  });

  test('a wrong method is 405 and says which there are', async () => {
    const answer = await call(base('/migrations'), 'DELETE');
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET');
    expect((await call(base('/migrations/a/resume'), 'PUT')).status).toBe(405);
  });
});
