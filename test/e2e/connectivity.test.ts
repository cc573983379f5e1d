import { expect, it } from 'vitest';
import { call, SERVER_PATH } from '../api/fixtures.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';

let site: TestSite;

useTestSite(
  async (started) => {
    site = started;
    await site.source.run("create role weak login password 'Zauber-4711'");
    await site.source.run('create database shop owner weak');
    await site.source.run(
      "create database closed template template0 encoding 'latin1' lc_collate 'C' lc_ctype 'C' allow_connections false",
    );
  },
  { source: { hbaLines: ['host all weak 127.0.0.1/32 scram-sha-256'] } },
);

const post = (action: string, properties: object) =>
  call(`${site.stack.url}${SERVER_PATH}/${action}`, 'POST', { properties });

function connection(user: string, sourceServerPassword: string, target = {}) {
  return {
    sourceDbServerResourceId: `127.0.0.1:${site.source.port}@${user}`,
    targetDbServerFullyQualifiedDomainName: `127.0.0.1:${site.target.port}`,
    secretParameters: { adminCredentials: { sourceServerPassword }, ...target },
  };
}

const ADMIN = { targetServerUsername: 'postgres' };

it('says of each side who is there, and what is wrong with what to do about it', async () => {
  const fine = await post('testConnectivity', connection('weak', 'Zauber-4711', ADMIN));
  expect(fine).toMatchObject({
    status: 200,
    body: {
      source: { reachable: true, user: { name: 'weak', superuser: false, replication: false } },
      target: { reachable: true, user: { name: 'postgres', superuser: true, createDb: true } },
    },
  });
  const wrong = await post('testConnectivity', connection('weak', 'Falsch-0815'));
  expect(wrong.body).toMatchObject({
    source: {
      reachable: false,
      error: { kind: 'authenticationFailed', remedy: expect.stringContaining('password') },
    },
  });
  expect(wrong.body).not.toHaveProperty('target');
  expect(JSON.stringify(wrong.body)).not.toContain('Falsch-0815');
  if (OUTSIDE_URL !== undefined) return;
  expect(await site.stack.wholeLog('host')).not.toMatch(/Falsch-0815|Zauber-4711/);
});

it('lists the databases of the source', async () => {
  const answer = await post('getSourceDatabaseList', connection('weak', 'Zauber-4711'));
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  const databases = answer.body.value ?? [];
  expect(databases.map(({ name }) => String(name)).sort()).toEqual(['closed', 'postgres', 'shop']);
  expect(databases).toContainEqual(
    expect.objectContaining({
      name: 'closed',
      encoding: 'LATIN1',
      collation: 'C',
      owner: 'postgres',
      connectable: false,
    }),
  );
  expect(databases.find(({ name }) => name === 'shop')).toMatchObject({
    owner: 'weak',
    connectable: true,
    bytes: expect.any(Number),
  });
});

it('a source that cannot be reached is refused with its remedy; bodies are checked as those of a PUT', async () => {
  const away = { ...connection('weak', ''), sourceDbServerResourceId: '127.0.0.1:1@weak' };
  const answer = await post('getSourceDatabaseList', away);
  expect(answer.status).toBe(400);
  expect(answer.body.error?.message).toMatch(/127\.0\.0\.1:1.*firewalls/);
  const unknown = await post('testConnectivity', { ...connection('weak', ''), sslmode: 'x' });
  expect(unknown.body.error?.target).toBe('properties.sslmode');
  expect((await post('testConnectivity', {})).status).toBe(400);
});
