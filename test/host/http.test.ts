import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { startHostProcess, until } from './hostProcess.ts';
import type { HostProcess } from './hostProcess.ts';

let azurite: RunningAzurite;
let host: HostProcess;
let locked: HostProcess;

beforeAll(async () => {
  azurite = await startAzurite();
  host = await startHostProcess(azurite.connectionString);
  locked = await startHostProcess(azurite.connectionString, {
    FUNCTIONS_HOST_KEY: 'host-key',
    FUNCTIONS_MASTER_KEY: 'master-key',
    FUNCTIONS_SYSTEM_KEY: 'system-key',
  });
});

afterAll(async () => {
  await Promise.all([host.stop(), locked.stop()]);
  await azurite.stop();
});

async function json(path: string, init?: RequestInit): Promise<Record<string, unknown>> {
  return (await (await fetch(host.url + path, init)).json()) as Record<string, unknown>;
}

/** fetch does not let a caller choose Host and Origin. */
function rawStatus(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end();
  });
}

describe('routes', () => {
  test('a literal segment wins over a parameter, and that over a catch-all', async () => {
    expect(await json('/things/special')).toEqual({ matched: 'literal' });
    expect(await json('/things/other')).toMatchObject({ matched: 'parameter' });
    expect(await json('/elsewhere/a/b')).toEqual({ matched: 'catchAll', path: 'elsewhere/a/b' });
    expect(await json('/')).toEqual({ matched: 'home' });
  });

  test('paths match without case, and values keep theirs', async () => {
    expect(await json('/THINGS/MyName%20x?Q=One')).toMatchObject({
      matched: 'parameter',
      name: 'MyName x',
      query: { Q: 'One' },
    });
  });

  test('the last segment may be optional', async () => {
    expect(await json('/subscriptions/S/items')).toMatchObject({ params: { sub: 'S' } });
    const withItem = await json('/Subscriptions/S/Items/I');
    expect(withItem).toMatchObject({ params: { sub: 'S', item: 'I' } });
  });

  test('a method that a route does not take falls through to the next route', async () => {
    expect(await json('/things/other', { method: 'DELETE' })).toMatchObject({
      matched: 'catchAll',
    });
    expect(
      await fetch(`${host.url}/things/other`, { method: 'TRACE' as string }).catch(() => undefined),
    ).toBeUndefined();
  });

  test('PUT passes its body', async () => {
    const answer = await json('/things/x', { method: 'PUT', body: 'bödy' });
    expect(answer).toMatchObject({ method: 'PUT', body: 'bödy' });
  });

  test('HEAD is GET without a body, OPTIONS tells the methods', async () => {
    const head = await fetch(`${host.url}/things/special`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const options = await fetch(`${host.url}/things/special`, { method: 'OPTIONS' });
    expect(options.status).toBe(204);
    expect(options.headers.get('allow')).toContain('GET');
  });
});

describe('answers', () => {
  test('headers, status and cookies', async () => {
    const response = await fetch(`${host.url}/cookies`);
    expect(response.status).toBe(201);
    expect(response.headers.get('x-extra')).toBe('yes');
    expect(response.headers.getSetCookie()).toEqual(['a=b%20c; Path=/; HttpOnly']);
  });

  test('nothing is 204, and an exception is 500 without its text', async () => {
    expect((await fetch(`${host.url}/nothing`)).status).toBe(204);
    const response = await fetch(`${host.url}/throws`);
    expect([response.status, await response.text()]).toEqual([500, '']);
    // The log comes through a pipe, so it may be later than the answer.
    await until(() => host.stderr().includes('secret detail') || undefined);
  });

  test('bodies are streamed both ways', async () => {
    const url = new URL(`${host.url}/streams`);
    const answer = await new Promise<string>((resolve, reject) => {
      const outgoing = request(url, { method: 'POST' }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          // The second part is sent only after the first has come back.
          if (text === 'first') outgoing.end('second');
        });
        response.on('end', () => resolve(text));
      });
      outgoing.once('error', reject);
      outgoing.write('first');
    });
    expect(answer).toBe('firstsecond');
  });
});

describe('who may ask', () => {
  test('foreign Host headers and origins are refused', async () => {
    const { port } = new URL(host.url);
    const url = `${host.url}/things/special`;
    expect(await rawStatus(url, { host: `127.0.0.1:${port}` })).toBe(200);
    expect(await rawStatus(url, { host: `localhost:${port}` })).toBe(200);
    expect(await rawStatus(url, { host: `evil.example:${port}` })).toBe(403);
    expect(await rawStatus(url, { host: '127.0.0.1:1' })).toBe(403);
    expect(await rawStatus(url, { origin: `http://localhost:${port}` })).toBe(200);
    expect(await rawStatus(url, { origin: 'http://evil.example' })).toBe(403);
    expect(await rawStatus(url, { origin: 'null' })).toBe(403);
    expect(
      await rawStatus(`${host.url}/runtime/webhooks/durabletask/instances/`, {
        origin: 'http://evil.example',
      }),
    ).toBe(403);
  });

  test('without keys no key is needed', async () => {
    expect((await fetch(`${host.url}/keyed`)).status).toBe(200);
    expect((await fetch(`${host.url}/admin/host/status`)).status).toBe(200);
  });

  test('with keys a missing or wrong one is 401', async () => {
    const status = async (path: string, key?: string): Promise<number> => {
      const headers: Record<string, string> = key === undefined ? {} : { 'x-functions-key': key };
      return (await fetch(locked.url + path, { headers })).status;
    };
    expect(await status('/keyed')).toBe(401);
    expect(await status('/keyed', 'wrong')).toBe(401);
    expect(await status('/keyed', '')).toBe(401);
    expect(await status('/keyed', 'system-key')).toBe(401);
    expect(await status('/keyed', 'host-key')).toBe(200);
    expect(await status('/keyed?code=host-key')).toBe(200);
    expect(await status('/keyed?code=master-key')).toBe(200);
    expect(await status('/things/special')).toBe(200);
    const instances = '/runtime/webhooks/durabletask/instances/';
    expect(await status(instances)).toBe(401);
    expect(await status(instances, 'host-key')).toBe(401);
    expect(await status(instances, 'system-key')).toBe(200);
    expect(await status('/admin/host/status', 'host-key')).toBe(401);
    expect(await status('/admin/host/status', 'master-key')).toBe(200);
  });

  test('management addresses carry the system key', async () => {
    const response = await fetch(`${locked.url}/start/chain`, { method: 'POST' });
    const urls = (await response.json()) as Record<string, string>;
    expect((await fetch(urls['statusQueryGetUri'] ?? '')).status).toBeLessThan(203);
  });
});

test('the admin paths tell state and functions', async () => {
  expect(await json('/admin/host/status')).toMatchObject({ state: 'Running' });
  expect((await fetch(`${host.url}/admin/host/ping`)).status).toBe(200);
  const functions = (await json('/admin/functions')) as unknown as { name: string }[];
  expect(functions.map((fn) => fn.name)).toContain('catchAll');
  expect((await fetch(`${host.url}/admin/else`)).status).toBe(404);
});

test('readiness is one line on standard output', async () => {
  await until(() => host.stdout() !== '' || undefined);
  expect(host.stdout()).toBe(`Host is running on ${host.url}\n`);
});
