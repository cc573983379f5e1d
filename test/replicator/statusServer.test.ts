import { expect, test } from 'vitest';
import { openHealth } from '../../replicator/health.ts';
import { startStatusServer } from '../../replicator/statusServer.ts';
import { freePort } from '../../scripts/freePort.ts';

test('health is 200 while the loop reaches storage, and 503 when it is silent for a minute', async () => {
  let now = 0;
  const leave = new AbortController();
  const health = openHealth(leave.signal, () => now);
  await using server = await startStatusServer(await freePort(), { '/health': health.answer });
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [response.status, await response.text()];
  };
  now = 59_999;
  expect(await ask('/health')).toEqual([200, '{"status":"healthy"}']);
  now = 60_000;
  expect(await ask('/health?x=1')).toEqual([503, '{"status":"unhealthy"}']);
  leave.abort();
  expect(await ask('/health')).toEqual([200, '{"status":"healthy"}']);
  health.noteTurn();
  expect(await ask('/health', 'HEAD')).toEqual([200, '']);
  expect(await ask('/health', 'POST')).toEqual([405, '']);
  expect(await ask('/constructor')).toEqual([404, '']);
});

test('a page that fails is an error, and the server goes on', async () => {
  await using server = await startStatusServer(await freePort(), {
    '/broken': () => Promise.reject(new Error('no')),
  });
  const ask = () => fetch(`http://127.0.0.1:${server.port}/broken`).then((r) => r.status);
  expect([await ask(), await ask()]).toEqual([500, 500]);
});
