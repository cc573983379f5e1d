import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import type { MigrationState } from '../../shared/contracts/status.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { sampleDatabase, sampleTable } from '../state/fixtures.ts';
import { call, putBody, SECRET, SERVER_PATH, startApi, SUBSCRIPTION } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';

let api: ApiFixture;
let count = 0;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const base = (suffix = '') => `${api.url}${SERVER_PATH}${suffix}`;
const NOW = '2026-03-01T00:00:00.000Z';
const SCOPE = `${SUBSCRIPTION}/local/target1`;

async function create(change: Record<string, unknown> = {}) {
  const name = `m${++count}`;
  const url = base(`/migrations/${name}`);
  const answer = await call(url, 'PUT', putBody(change));
  expect(answer.body).toMatchObject({ name });
  expect(answer.status).toBe(201);
  const record = await api.stores.migrations.find(SCOPE, name);
  if (record === undefined) throw new Error('no row');
  return { name, url, answer, record };
}

async function secretCount() {
  const { secrets } = api.settings;
  if (secrets.kind !== 'file') throw new Error('not a file store');
  return (await readdir(secrets.folder)).filter((name) => name.endsWith('.secret')).length;
}

async function moveTo(record: MigrationRecord, ...states: MigrationState[]) {
  for (const state of states) {
    await api.stores.migrations.update(record.ref, (r) => transitionMigration(r, state, NOW));
  }
}

const COPYING: MigrationState = { state: 'InProgress', subState: 'MigratingData' };
const FAILED: MigrationState = { state: 'Failed', subState: 'Completed', error: 'shop: broken' };
const SUCCEEDED: MigrationState = { state: 'Succeeded', subState: 'Completed' };

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
    expect(answers.map((a) => a.status).sort()).toEqual([200, 200, 201]);
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
    expect((await rotate('never', { triggerCutover: true })).status).toBe(400);
    const expected = { sourcePassword: SECRET, targetPassword: 'next' };
    expect(await api.secrets.get(record.secretId)).toEqual(expected);
    expect((await api.stores.migrations.get(record.ref))?.spec.source.user).toBe('new');
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
