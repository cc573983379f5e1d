import dns from 'node:dns';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { refuseForbiddenHost } from '../../shared/api/hostRules.ts';
import { refusalOf } from '../../shared/pg/addressRules.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { dumpSchema } from '../../shared/pg/schema/dump.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startThrowawayCluster();
});
afterAll(() => cluster.stop());

const realLookup = dns.lookup;
afterEach(() => {
  dns.lookup = realLookup;
  syncBuiltinESMExports();
});

/** Plays a name server whose owner changes the answer each time; the last one stays. */
function answerLookups(...answers: string[][]): { count: number } {
  const asked = { count: 0 };
  const play = (_host: string, _options: unknown, callback: (...given: unknown[]) => void) => {
    const addresses = answers[Math.min(asked.count, answers.length - 1)] ?? [];
    asked.count += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  dns.lookup = play as unknown as typeof dns.lookup;
  syncBuiltinESMExports();
  return asked;
}

const endpoint = (host: string, change: Partial<PgEndpoint> = {}): PgEndpoint => ({
  host,
  port: cluster.port,
  user: 'postgres',
  database: 'postgres',
  tls: { mode: 'disable' },
  ...change,
});

const open = (to: PgEndpoint) => connect(to, { applicationName: 'pgmove/test' });

test('a name that turns to a link-local address after the check is not connected to', async () => {
  for (const address of ['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254']) {
    answerLookups(['127.0.0.1'], ['127.0.0.1', address]);
    await refuseForbiddenHost('rebound.example', [], 'properties.x');
    for (const mode of ['disable', 'prefer', 'require'] as const) {
      const refused = open(endpoint('rebound.example', { tls: { mode } }));
      await expect(refused, `${address} ${mode}`).rejects.toMatchObject({
        kind: 'invalidInput',
        message: expect.stringContaining('link-local') as string,
      });
    }
  }
});

test('nor is one that is written as an address, in whatever notation', async () => {
  for (const host of ['169.254.169.254', 'fe80::1', 'fe80::1%lo', '0xA9FEA9FE', '2852039166']) {
    await expect(open(endpoint(host)), host).rejects.toMatchObject({ kind: 'invalidInput' });
  }
});

test('a name that turns to an address that is not allowed is not connected to', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  answerLookups(['10.1.2.3'], ['127.0.0.1']);
  await refuseForbiddenHost('rebound.example', ['10.0.0.0/8'], 'properties.x');
  const allowedHosts = ['10.0.0.0/8', '*.other.example'];
  await expect(open(endpoint('rebound.example', { port, allowedHosts }))).rejects.toMatchObject({
    kind: 'invalidInput',
    message: expect.stringContaining('PGMOVE_ALLOWED_HOSTS') as string,
  });
  await expect(open(endpoint('127.0.0.1', { port, allowedHosts }))).rejects.toMatchObject({
    kind: 'invalidInput',
  });
  server.close();
  expect(connections).toBe(0);
});

test('what is allowed is connected to, by name, pattern and range', async () => {
  answerLookups(['127.0.0.1']);
  for (const allowedHosts of [[], ['db.example'], ['*.example'], ['127.0.0.0/8']]) {
    await using session = await open(endpoint('db.example', { allowedHosts }));
    expect(session.backendPid).toBeGreaterThan(0);
  }
});

test('pg_dump goes to the address that was checked, and does not look the name up', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-rules-'));
  const archivePath = path.join(folder, 'archive');
  const options = { archivePath, applicationName: 'pgmove/test' };
  try {
    // Nobody but the played name server knows this one.
    answerLookups(['127.0.0.1']);
    await dumpSchema(endpoint('unknown.invalid'), options);
    expect((await readFile(archivePath)).subarray(0, 5).toString()).toBe('PGDMP');
    answerLookups(['127.0.0.1'], ['169.254.169.254']);
    await expect(dumpSchema(endpoint('unknown.invalid'), options)).rejects.toMatchObject({
      kind: 'invalidInput',
      message: expect.stringContaining('link-local') as string,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('link-local addresses are known behind gateways too', () => {
  for (const address of ['64:ff9b::a9fe:a9fe', '::a9fe:a9fe', 'febf::1', '169.254.0.1']) {
    expect(refusalOf('x', [address], ['x']), address).toBe('linkLocal');
  }
  for (const address of ['64:ff9b::a00:1', 'fec0::1', '169.253.0.1', '::1']) {
    expect(refusalOf('x', [address], []), address).toBeUndefined();
  }
});
