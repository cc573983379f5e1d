import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../shared/config/settings.ts';
import { openStores } from '../../shared/state/stores.ts';
import { SERVER_PATH } from '../api/fixtures.ts';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';
import { OUTSIDE_URL, startTestStack } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

const EVERYWHERE = '/providers/Microsoft.DBforPostgreSQL/migrations';

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
  code: string | undefined;
}

/** As a browser or a proxy would send it: fetch would refuse some of the headers. */
async function send(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const sent = request(`${url}?api-version=2025-08-01`, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const body = text.startsWith('{') ? (JSON.parse(text) as { error?: { code: string } }) : {};
        const { statusCode: status = 0, headers: given } = response;
        resolve({ status, headers: given, text, code: body.error?.code });
      });
    });
    sent.on('error', reject).end();
  });
}

describe('as it runs on one machine', () => {
  let site: TestSite;
  useTestSite(async (started) => {
    site = started;
    await site.source.createDatabase('curves');
    await site.source.run(
      'create table t (id int primary key); insert into t select generate_series(1, 5000)',
      'curves',
    );
  });

  it('a migration leaves samples, is 304 once it is known, and is gone when it is purged', async () => {
    const { stack, source, target } = site;
    const migration = testMigration({ stack, source, target, databases: ['curves'] });
    await migration.put();
    const { properties } = await migration.ended();
    expect(properties.currentStatus.state).toBe('Succeeded');

    const samples = `${migration.url}/databases/curves/samples`;
    const read = async () =>
      (JSON.parse((await send(samples)).text) as { value: { rows?: number }[] }).value;
    await waitFor('the last sample', async () =>
      (await read()).at(-1)?.rows === 5_000 ? true : undefined,
    );

    const { headers } = await send(migration.url);
    expect(headers).toMatchObject({ 'cache-control': 'private, no-cache' });
    const again = await send(migration.url, { 'if-none-match': String(headers['etag']) });
    expect(again).toMatchObject({ status: 304, text: '' });
    expect(again.headers['etag']).toBe(headers['etag']);

    const everywhere = `${stack.url}${EVERYWHERE}`;
    const all = await send(everywhere);
    const tag = { 'if-none-match': String(all.headers['etag']) };
    expect(all.text).toContain(migration.name);
    expect((await send(everywhere, tag)).status).toBe(304);

    const samplesLeft = async () => {
      const stores = openStores(readSettings({ AzureWebJobsStorage: stack.storage }));
      return await stores.samples.list(String(properties['migrationId']), 'curves');
    };
    if (OUTSIDE_URL === undefined) expect(await samplesLeft()).not.toEqual([]);
    expect((await migration.post('purge')).status).toBe(202);
    await waitFor('the purge', async () =>
      (await send(migration.url)).status === 404 ? true : undefined,
    );
    if (OUTSIDE_URL === undefined) expect(await samplesLeft()).toEqual([]);
    await waitFor('the list without it', async () =>
      (await send(everywhere, tag)).status === 200 ? true : undefined,
    );
  });

  it('a stream leaves samples of its own beside those of the copy', async () => {
    const { stack, source, target } = site;
    await source.createDatabase('flows');
    await source.run('create table t (id int primary key); insert into t values (1)', 'flows');
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['flows'],
      properties: { migrationMode: 'Online' },
    });
    await migration.put();
    await migration.waitForSubState('WaitingForCutoverTrigger');
    await source.run('insert into t select generate_series(2, 101)', 'flows');
    const samples = `${migration.url}/databases/flows/samples`;
    const all = await waitFor('the changes in a sample', async () => {
      const { value } = JSON.parse((await send(samples)).text) as { value: object[] };
      const last = value.at(-1) as { appliedChanges?: number } | undefined;
      return (last?.appliedChanges ?? 0) >= 100 ? value : undefined;
    });
    expect(all.at(-1)).toMatchObject({
      incomingChanges: expect.any(Number) as number,
      latencySeconds: expect.any(Number) as number,
      lagBytes: expect.any(Number) as number,
      slotBytes: expect.any(Number) as number,
    });
    expect(all).toContainEqual(expect.objectContaining({ rows: 1 }));
    expect((await migration.patch({ cancel: 'True' })).status).toBe(200);
    await migration.ended();
  });

  it('a page of another site can neither read nor change anything, our own can', async () => {
    const list = `${site.stack.url}${SERVER_PATH}/migrations`;
    const one = `${list}/of-a-page`;
    const origin = new URL(site.stack.url).origin;
    for (const method of ['GET', 'DELETE']) {
      const answer = await send(list, { origin: 'https://evil.example' }, method);
      expect(answer.status, method).toBe(403);
    }
    expect(await send(one, { origin }, 'DELETE')).toMatchObject({
      status: 403,
      code: 'MissingRequestHeader',
    });
    const marked = { origin, 'sec-fetch-site': 'same-origin', 'x-pgmove-request': '1' };
    expect((await send(one, marked, 'DELETE')).status).toBe(204);
    expect((await send(list, { origin })).status).toBe(200);
    expect((await send(one, {}, 'DELETE')).status).toBe(204);
  });
});

describe.skipIf(OUTSIDE_URL !== undefined)('with logins of Entra, and with keys', () => {
  let stack: TestStack;
  let keyed: TestStack;
  beforeAll(async () => {
    const FUNCTIONS_HOST_KEY = 'a-key';
    [stack, keyed] = await Promise.all([
      startTestStack({ PGMOVE_AUTH: 'entra', FUNCTIONS_HOST_KEY }),
      startTestStack({ FUNCTIONS_HOST_KEY }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([stack[Symbol.asyncDispose](), keyed[Symbol.asyncDispose]()]);
  });

  const principal = (...roles: string[]) => {
    const claims = roles.map((val) => ({ typ: 'roles', val }));
    return Buffer.from(JSON.stringify({ auth_typ: 'aad', claims })).toString('base64');
  };

  it('a role opens the API where Entra is asked for, and a key does not', async () => {
    for (const path of [`${SERVER_PATH}/migrations`, EVERYWHERE]) {
      const list = `${stack.url}${path}`;
      expect(await send(list)).toMatchObject({ status: 401, code: 'AuthenticationFailed' });
      expect((await send(list, { 'x-functions-key': 'a-key' })).status).toBe(401);
      const reader = { 'x-ms-client-principal': principal('Migrations.Read') };
      expect((await send(list, reader)).status).toBe(200);
      const nobody = { 'x-ms-client-principal': principal('Other') };
      expect(await send(list, nobody)).toMatchObject({ status: 403, code: 'AuthorizationFailed' });
    }
    expect((await send(`${stack.url}/health`)).status).toBe(200);
  });

  it('a key opens it where keys are asked for, and a role that anybody can claim does not', async () => {
    for (const path of [`${SERVER_PATH}/migrations`, EVERYWHERE]) {
      const list = `${keyed.url}${path}`;
      expect((await send(list)).status).toBe(401);
      const writer = { 'x-ms-client-principal': principal('Migrations.Write') };
      expect((await send(list, writer)).status).toBe(401);
      expect((await send(list, { 'x-functions-key': 'a-key' })).status).toBe(200);
    }
  });
});
