import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, describe, expect, it } from 'vitest';
import { differences, testMigration } from './support/migrations.ts';
import { recordPrograms } from './support/recordedPrograms.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

const PASSWORDS = {
  source: 'zq-first-of-source',
  target: 'zq-only-of-target',
  next: 'zq-next-of-source',
};
const MARK = 'zq-';

let site: TestSite;

// A program that ends within a moment could be missed by looking at the processes.
const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-passwords-'));
const recorded = await recordPrograms(folder);
afterAll(() => rm(folder, { recursive: true, force: true }));

const server = { hbaLines: ['host all mover 127.0.0.1/32 scram-sha-256'] };

useTestSite(
  async (started) => {
    site = started;
    for (const side of ['source', 'target'] as const) {
      await site[side].run(`create role mover login superuser password '${PASSWORDS[side]}'`);
    }
  },
  { source: server, target: server, settings: { PG_BIN_DIR: recorded.folder } },
);

/** Looks at every process's arguments until it is told to stop. */
function watchArguments() {
  let isStopped = false;
  const withPassword = new Set<string>();
  const watching = (async () => {
    while (!isStopped) {
      for (const pid of await readdir('/proc').catch(() => [])) {
        if (!/^\d+$/.test(pid)) continue;
        const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (line.includes(MARK)) withPassword.add(line);
      }
      await delay(3);
    }
    return [...withPassword];
  })();
  return {
    async stop() {
      isStopped = true;
      return await watching;
    },
  };
}

/** Every entity of every table and every blob, as text. */
async function storedTexts(storage: string): Promise<string[]> {
  const texts: string[] = [];
  const insecure = { allowInsecureConnection: true };
  const tables = TableServiceClient.fromConnectionString(storage, insecure);
  for await (const { name = '' } of tables.listTables()) {
    const table = TableClient.fromConnectionString(storage, name, insecure);
    for await (const entity of table.listEntities())
      texts.push(Object.values(entity).map(String).join('\n'));
  }
  const blobs = BlobServiceClient.fromConnectionString(storage);
  for await (const { name: container } of blobs.listContainers()) {
    const client = blobs.getContainerClient(container);
    for await (const { name } of client.listBlobsFlat()) {
      const bytes = await client.getBlobClient(name).downloadToBuffer();
      const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
      texts.push((isZipped ? gunzipSync(bytes) : bytes).toString('latin1'));
    }
  }
  return texts;
}

describe.skipIf(OUTSIDE_URL !== undefined)('T73: passwords', () => {
  it('are read anew for each connection, and are in no argument, log, history or table', async () => {
    const { source, target, stack } = site;
    await source.createDatabase('app');
    await source.run(
      'create table t (id int primary key); insert into t select generate_series(1, 1000)',
      'app',
    );
    const watch = watchArguments();
    const migration = testMigration({
      ...site,
      databases: ['app'],
      users: { source: 'mover', target: 'mover' },
      properties: {
        migrationMode: 'Online',
        verify: 'hash',
        fenceSource: 'False',
        secretParameters: {
          adminCredentials: {
            sourceServerPassword: PASSWORDS.source,
            targetServerPassword: PASSWORDS.target,
          },
          targetServerUsername: 'mover',
        },
      },
    });
    const answers = [JSON.stringify(await migration.put())];
    await migration.waitForSubState('WaitingForCutoverTrigger');

    // What a token that ran out looks like: connections end, and the next ones are refused.
    await source.run(`alter role mover password '${PASSWORDS.next}'`);
    await source.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'mover'",
    );
    await source.run('insert into t values (1001)', 'app');
    await waitFor('a refused connection', async () =>
      /password authentication failed/.test(await stack.wholeLog('replicator')) ? true : undefined,
    );
    const { status } = await migration.patch({
      secretParameters: { adminCredentials: { sourceServerPassword: PASSWORDS.next } },
    });
    expect(status).toBe(200);
    const client = await target.connect('app');
    await waitFor('the change', async () =>
      (await client.query('select from t where id = 1001')).rowCount === 1 ? true : undefined,
    );
    await client.end();
    expect((await migration.patch({ triggerCutover: 'True' })).status).toBe(200);
    const ended = await migration.ended();
    expect(ended.properties.currentStatus).toMatchObject({ state: 'Succeeded' });
    expect(await differences(source, target, 'app')).toEqual([]);

    // A password that is wrong is not told either.
    const wrong = testMigration({
      ...site,
      databases: ['app'],
      users: { source: 'mover', target: 'mover' },
      properties: {
        secretParameters: {
          adminCredentials: {
            sourceServerPassword: `${MARK}wrong`,
            targetServerPassword: PASSWORDS.target,
          },
          targetServerUsername: 'mover',
        },
      },
    });
    answers.push(JSON.stringify(await wrong.put()), JSON.stringify(await wrong.ended()));
    answers.push(JSON.stringify(ended));
    expect(answers.join().includes(MARK)).toBe(false);

    expect(await watch.stop()).toEqual([]);
    const calls = await recorded.lines();
    expect(calls.some((call) => /^pg_dump .*--schema-only/.test(call))).toBe(true);
    expect(calls.filter((call) => call.includes(MARK))).toEqual([]);
    for (const part of ['host', 'replicator'] as const) {
      const log = await stack.wholeLog(part);
      expect(log).not.toBe('');
      expect(log.includes(MARK)).toBe(false);
    }
    const stored = await storedTexts(stack.storage);
    expect(stored.some((text) => text.includes(migration.name))).toBe(true);
    expect(stored.some((text) => text.includes('planCopy'))).toBe(true);
    expect(stored.filter((text) => text.includes(MARK))).toEqual([]);
  });
});
