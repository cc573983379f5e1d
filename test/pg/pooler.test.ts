import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { access, chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/freePort.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { directConnection } from '../../shared/checks/directConnection.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { endpointOf, startTestCluster } from './copy/copyPair.ts';

const options = { applicationName: 'pgmove/test/pooler' };

async function findPgbouncer(): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']) {
    const file = path.join(folder, 'pgbouncer');
    if ((await access(file).catch((error: unknown) => error)) === undefined) return file;
  }
  return undefined;
}

const pgbouncer = await findPgbouncer();

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.stop());

interface Pooler extends AsyncDisposable {
  endpoint: PgEndpoint;
}

async function startPooler(mode: 'session' | 'transaction'): Promise<Pooler> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-pooler-'));
  const port = await freePort();
  const file = path.join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]\n* = host=127.0.0.1 port=${cluster.port} user=postgres\n[pgbouncer]\n` +
      `listen_addr = 127.0.0.1\nlisten_port = ${port}\nauth_type = any\npool_mode = ${mode}\n` +
      'unix_socket_dir =\nserver_tls_sslmode = disable\n',
  );
  // It does not run as root.
  const { uid, gid } = await stat(cluster.dataFolder);
  await chmod(folder, 0o755);
  if (process.getuid?.() === 0) await chown(file, uid, gid);
  const child: ChildProcess = spawn(pgbouncer ?? '', [file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(log)));
    child.stderr?.on('data', (data: Buffer) => {
      log += data.toString();
      if (log.includes('process up')) resolve();
    });
  });
  return {
    endpoint: { ...endpointOf(cluster, 'postgres'), port },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

const spec = { includeTables: [], excludeTables: [], setReplicaIdentityFull: false };
const rest = { databaseCount: 1, ownSlots: [], isSetupWanted: false };

async function findingsOf(sides: { source: PgEndpoint; target: PgEndpoint }) {
  await using source = await connect(sides.source, options);
  await using target = await connect(sides.target, options);
  const check = (mode: 'Online' | 'Offline') =>
    directConnection.check({ spec: { ...spec, mode }, source, target, ...rest });
  return { online: await check('Online'), offline: await check('Offline') };
}

test('T72: a server is told from a pooler', async () => {
  const endpoint = endpointOf(cluster, 'postgres');
  expect(await findingsOf({ source: endpoint, target: endpoint })).toEqual({
    online: [],
    offline: [],
  });
  await using stream = await connect(endpoint, { ...options, isReplication: true });
  expect(stream.isPooled).toBe(false);
});

describe.skipIf(pgbouncer === undefined)('T72: through PgBouncer', () => {
  test('in transaction mode nothing is done, and nothing is left to the sessions of others', async () => {
    await using pooler = await startPooler('transaction');
    for (let round = 0; round < 3; round += 1) {
      const refused = connect(pooler.endpoint, options);
      await expect(refused).rejects.toMatchObject({ kind: 'invalidInput' });
      await expect(refused).rejects.toThrow(/pooler in transaction mode/);
    }
    const client = await cluster.connect();
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where query like '%set_config%' and pid <> pg_backend_pid()`,
    );
    expect(rows[0]?.n).toBe(0);
    await client.end();
  });

  test('in session mode a source is good for a copy, not for a stream, and a target for both', async () => {
    await using pooler = await startPooler('session');
    const direct = endpointOf(cluster, 'postgres');
    expect(await findingsOf({ source: pooler.endpoint, target: direct })).toMatchObject({
      online: [{ state: 'Failed', message: expect.stringContaining('the source') as string }],
      offline: [{ state: 'Warning' }],
    });
    expect(await findingsOf({ source: direct, target: pooler.endpoint })).toMatchObject({
      online: [{ state: 'Warning', message: expect.stringContaining('the target') as string }],
      offline: [{ state: 'Warning' }],
    });
    const stream = connect(pooler.endpoint, { ...options, isReplication: true });
    await expect(stream).rejects.toMatchObject({ name: 'MigrationError' });
  });
});
