import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { createApiClient } from '../../cli/apiClient.ts';
import { bearerHeader } from '../../cli/bearerToken.ts';

const headerFor = (url: string, token?: string) =>
  bearerHeader(new URL(url), token === undefined ? {} : { PGMOVE_TOKEN: token });

test('a token is sent over TLS and on this machine, and nowhere else', () => {
  expect(headerFor('https://move.example/x', 'abc')).toEqual({ authorization: 'Bearer abc' });
  for (const url of ['http://127.0.0.1:7071', 'http://localhost:7071', 'http://[::1]:7071']) {
    expect(headerFor(url, 'abc'), url).toEqual({ authorization: 'Bearer abc' });
  }
  expect(() => headerFor('http://move.example', 'geheim')).toThrow(/https/);
  expect(() => headerFor('http://move.example', 'geheim')).not.toThrow(/geheim/);
  expect(headerFor('http://move.example')).toEqual({});
  expect(headerFor('http://move.example', '')).toEqual({});
});

test('every request of the command line has it', async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end('{"value":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('PGMOVE_TOKEN', 'abc');
  const { port } = server.address() as AddressInfo;
  const scope = { subscriptionId: 's', resourceGroup: 'g', server: 'x' };
  await createApiClient({ url: `http://127.0.0.1:${port}` }, scope).list('All');
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  expect(seen).toEqual(['Bearer abc']);
});
