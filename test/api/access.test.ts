import { HttpRequest } from '@azure/functions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { authLevelOf, requireRole } from '../../functions/http/access.ts';
import { API_ROUTES } from '../../functions/http/routes.ts';
import { putBody, SERVER_PATH, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi({ PGMOVE_AUTH: 'entra' });
});
afterAll(() => api.stop());

function principal(roles: readonly string[], change: Record<string, unknown> = {}): string {
  const claims = [{ typ: 'name', val: 'Jördis' }, ...roles.map((val) => ({ typ: 'roles', val }))];
  const text = JSON.stringify({ auth_typ: 'aad', name_typ: 'n', role_typ: 'r', claims, ...change });
  return Buffer.from(text).toString('base64');
}

async function send(method: string, header?: string, suffix = '/migrations/e1') {
  const response = await fetch(`${api.url}${SERVER_PATH}${suffix}?api-version=2025-08-01`, {
    method,
    headers: {
      'x-pgmove-request': '1',
      ...(header === undefined ? {} : { 'x-ms-client-principal': header }),
    },
    body: method === 'PUT' || method === 'POST' ? JSON.stringify(putBody()) : undefined,
  });
  const text = await response.text();
  const body = (text === '' ? {} : JSON.parse(text)) as { error?: { code: string } };
  return { status: response.status, code: body.error?.code, headers: response.headers };
}

describe('with PGMOVE_AUTH=entra', () => {
  test('nobody comes in without a login of Entra, on any route', async () => {
    for (const { route } of API_ROUTES) {
      const suffix = route.split('{serverName}')[1]?.replace(/\{\w+\}/g, 'x');
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'POST']) {
        const answer = await send(method, undefined, suffix);
        expect([401, 405], `${method} ${route}`).toContain(answer.status);
      }
    }
    const answer = await send('GET');
    expect(answer).toMatchObject({ status: 401, code: 'AuthenticationFailed' });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    for (const header of [
      'x',
      Buffer.from('[]').toString('base64'),
      principal(['Migrations.Write'], { auth_typ: 'github' }),
      principal(['Migrations.Write'], { claims: 'roles' }),
    ]) {
      expect((await send('GET', header)).status, header).toBe(401);
    }
  });

  test('readers read, writers do both, others nothing', async () => {
    const [reader, writer, other] = [
      principal(['Migrations.Read']),
      principal(['Migrations.Write']),
      principal(['Migrations.Reader', 'migrations.write']),
    ];
    expect((await send('PUT', reader)).code).toBe('AuthorizationFailed');
    expect((await send('PUT', writer)).status).toBe(201);
    expect((await send('GET', reader)).status).toBe(200);
    expect((await send('GET', writer)).status).toBe(200);
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      expect(await send(method, reader), method).toMatchObject({
        status: 403,
        code: 'AuthorizationFailed',
      });
    }
    expect((await send('POST', reader, '/testConnectivity')).status).toBe(403);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect((await send(method, other)).status, method).toBe(403);
    }
  });

  test('roles come by the long name of the claim too', async () => {
    const typ = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role';
    const header = principal([], { claims: [{ typ, val: 'Migrations.Read' }] });
    expect((await send('GET', header, '/migrations')).status).toBe(200);
  });
});

test('on App Service without its authentication everybody is refused', () => {
  const headers = { 'x-ms-client-principal': principal(['Migrations.Write']) };
  const request = new HttpRequest({ method: 'GET', url: 'https://x/', headers });
  const check = (env: NodeJS.ProcessEnv) => () => requireRole(request, { auth: 'entra' }, env);
  expect(check({ WEBSITE_INSTANCE_ID: 'a' })).toThrow(/is off/);
  expect(check({ WEBSITE_INSTANCE_ID: 'a', WEBSITE_AUTH_ENABLED: 'False' })).toThrow(/is off/);
  expect(check({ WEBSITE_INSTANCE_ID: 'a', WEBSITE_AUTH_ENABLED: 'True' })).not.toThrow();
  expect(check({})).not.toThrow();
});

test('only the exact word takes the keys away', () => {
  expect(authLevelOf({ PGMOVE_AUTH: 'entra' })).toBe('anonymous');
  for (const word of ['key', '', 'Entra', 'entra ', 'none', undefined]) {
    expect(authLevelOf({ PGMOVE_AUTH: word }), word).toBe('function');
  }
});
