import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  countLoadTransactions,
  LOAD_ROLE,
  prepareWriteLoad,
} from '../../scripts/demo/load/loadSchema.ts';
import { LOAD_TRANSACTIONS } from '../../scripts/demo/load/transactions.ts';
import { startWriteLoad } from '../../scripts/demo/load/writeLoad.ts';
import { createSampleDatabase } from '../../scripts/demo/sample/sampleDatabase.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';

let cluster: ThrowawayCluster;
let admin: pg.Client;

beforeAll(async () => {
  cluster = await startThrowawayCluster();
  await cluster.createDatabase('shop');
  admin = await cluster.connect('shop');
  await createSampleDatabase(admin);
  await prepareWriteLoad(admin);
});

afterAll(async () => {
  await admin?.end();
  await cluster?.stop();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: cluster.uri('shop', LOAD_ROLE) });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('every kind of transaction commits, and what is counted is what is there', async () => {
  const even = LOAD_TRANSACTIONS.map((transaction) => ({ ...transaction, weight: 1 }));
  await using load = await startWriteLoad({
    connect,
    transactionsPerSecond: 10_000,
    transactionCount: 600,
    transactions: even,
  });
  const stats = await load.ended;
  const kinds = even.filter((one) => !one.isRolledBack).map(({ kind }) => kind);
  expect(Object.keys(stats.byKind).sort()).toEqual(kinds.sort());
  expect(stats.rolledBack).toBeGreaterThan(0);
  expect(stats.committed + stats.rolledBack + stats.conflicts).toBe(600);
  expect(await countLoadTransactions(admin)).toBe(stats.committed);
});

test('a fence ends the load cleanly, a broken connection does not', async () => {
  const before = await countLoadTransactions(admin);
  // Other keys than those of the test before.
  await admin.query('update load.transaction set client = client + 100');
  await using load = await startWriteLoad({ connect, transactionsPerSecond: 10_000, seed: 2 });
  const held = async (): Promise<number> => (await countLoadTransactions(admin)) - before;
  await expect.poll(held, { timeout: 20_000 }).toBeGreaterThan(100);

  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
    LOAD_ROLE,
  ]);
  const then = load.stats.committed;
  await expect.poll(() => load.stats.committed, { timeout: 20_000 }).toBeGreaterThan(then + 50);
  expect(load.stats.fencedClients).toBe(0);

  await admin.query('revoke connect on database shop from public');
  await admin.query('alter database shop set default_transaction_read_only = on');
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
    LOAD_ROLE,
  ]);
  const stats = await load.ended;
  expect(stats.fencedClients).toBe(4);
  const arrived = await held();
  expect(arrived).toBeGreaterThanOrEqual(stats.committed);
  expect(arrived).toBeLessThanOrEqual(stats.committed + stats.unknown);
});

test('an error that no conflict explains ends the load with what failed', async () => {
  await admin.query('grant connect on database shop to public');
  await admin.query('alter database shop reset default_transaction_read_only');
  const broken = {
    kind: 'broken',
    weight: 1,
    run: async ({ session }: { session: pg.Client }) => {
      await session.query('select no_such_column');
    },
  };
  await using load = await startWriteLoad({ connect, transactions: [broken] });
  await expect(load.ended).rejects.toThrow(/"broken" failed.*no_such_column/);
});
