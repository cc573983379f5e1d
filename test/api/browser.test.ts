import { HttpRequest } from '@azure/functions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refuseForeignPage } from '../../functions/http/browser.ts';
import { putBody, SERVER_PATH, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi({ PGMOVE_PUBLIC_HOSTS: 'move.example.org, other.example.org:8443' });
});
afterAll(() => api.stop());

async function send(method: string, headers: Record<string, string>, suffix = '/migrations/b1') {
  const { request } = await import('node:http');
  const url = new URL(`${api.url}${SERVER_PATH}${suffix}?api-version=2025-08-01`);
  const put = method === 'PUT' ? JSON.stringify(putBody()) : '{"x":1}';
  const text = method === 'GET' || method === 'DELETE' ? '' : put;
  return await new Promise<{ status: number; code: string | undefined }>((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const parsed = body === '' ? {} : (JSON.parse(body) as { error?: { code: string } });
        resolve({ status: response.statusCode ?? 0, code: parsed.error?.code });
      });
    });
    sent.on('error', reject).end(text);
  });
}

const MARK = { 'x-pgmove-request': '1' };
const CHANGES = [
  ['PUT', '/migrations/b1'],
  ['PATCH', '/migrations/b1'],
  ['DELETE', '/migrations/b1'],
  ['POST', '/migrations/b1/resume'],
  ['POST', '/migrations/b1/purge'],
  ['POST', '/testConnectivity'],
  ['POST', '/getSourceDatabaseList'],
  ['POST', '/checkMigrationNameAvailability'],
] as const;

describe('a change that comes from a browser', () => {
  test('needs the header, on every route', async () => {
    for (const [method, suffix] of CHANGES) {
      for (const [name, value] of [
        ['origin', api.url],
        ['sec-fetch-site', 'same-origin'],
        ['x-ms-client-principal', 'e30='],
      ] as const) {
        const headers = { [name]: value };
        const refused = await send(method, headers, suffix);
        expect(refused, `${method} ${suffix}`).toEqual({
          status: 403,
          code: 'MissingRequestHeader',
        });
        const taken = await send(method, { ...headers, ...MARK }, suffix);
        expect(taken.code, `${method} ${suffix}`).not.toBe('MissingRequestHeader');
        expect(taken.status, `${method} ${suffix}`).not.toBe(403);
      }
    }
  });

  test('and others do not: command line, SDKs, callers with a token of their own', async () => {
    expect((await send('PUT', {}, '/migrations/b2')).status).toBe(201);
    const token = { 'x-ms-client-principal': 'e30=', authorization: 'Bearer x' };
    expect((await send('PUT', token, '/migrations/b3')).status).toBe(201);
    expect((await send('GET', { 'sec-fetch-site': 'same-origin' }, '/migrations/b3')).status).toBe(
      200,
    );
  });

  test('is refused from another site, header or not', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const refused = await send('DELETE', { 'sec-fetch-site': site, ...MARK });
      expect(refused).toEqual({ status: 403, code: 'OriginNotAllowed' });
    }
  });
});

describe('an origin', () => {
  const FOREIGN = { status: 403, code: 'OriginNotAllowed' };

  test('of another host, port or scheme is refused, for reading too', async () => {
    const { port } = new URL(api.url);
    for (const origin of [
      'https://evil.example',
      'null',
      `http://127.0.0.1:${Number(port) + 1}`,
      `http://localhost:${port}`,
      'http://move.example.org',
      'https://move.example.org.evil.example',
      'https://other.example.org',
      'not an origin',
    ]) {
      expect(await send('GET', { origin, ...MARK }), origin).toEqual(FOREIGN);
      expect(await send('PUT', { origin, ...MARK }), origin).toEqual(FOREIGN);
    }
  });

  test('is not made own by a header that anybody can send', async () => {
    const origin = 'https://evil.example';
    const forwarded = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
    expect(await send('PUT', { origin, ...forwarded, ...MARK })).toEqual(FOREIGN);
  });

  test('may be ours, also under TLS that ends in front, or by a name that is set', async () => {
    for (const origin of [
      api.url,
      api.url.replace('http:', 'https:'),
      'https://move.example.org',
      'https://other.example.org:8443',
    ]) {
      const answer = await send('GET', { origin }, '/migrations');
      expect(answer.status, origin).toBe(200);
    }
  });
});

test('a page without TLS is another origin than the service with it', () => {
  const check = (origin: string) => () => {
    const request = new HttpRequest({
      method: 'GET',
      url: 'https://move.azurewebsites.net/x',
      headers: { origin },
    });
    refuseForeignPage(request, []);
  };
  expect(check('http://move.azurewebsites.net')).toThrow(/another origin/);
  expect(check('https://move.azurewebsites.net')).not.toThrow();
});
