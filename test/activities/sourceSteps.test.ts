import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import {
  fenceSource,
  restoreNotedIdentities,
  setIdentitiesFull,
  unfenceSource,
} from '../../activities/steps/sourceChanges.ts';
import { readySource } from '../../activities/steps/logicalReplicationGate.ts';
import type { ActivityEnvironment } from '../../activities/steps/defineActivity.ts';
import type { DatabaseRecord, MigrationRecord } from '../../shared/contracts/records.ts';
import { connect } from '../../shared/pg/connect.ts';
import { findIdentityProblems } from '../../shared/pg/source/replicaIdentity.ts';
import { endpointOf, everything, startTestCluster } from '../pg/copy/copyPair.ts';
import { sampleDatabase, sampleMigration } from '../state/fixtures.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { wal_level: 'replica' } });
  await cluster.run('create role repl login replication');
});
afterAll(() => cluster.stop());

/** What the steps use of an activity's environment; the rows are in memory. */
function environment(
  change: { spec?: Partial<MigrationRecord['spec']>; wanted?: Partial<MigrationRecord['wanted']> },
  user = 'postgres',
) {
  const sample = sampleMigration();
  const record = {
    ...sample,
    spec: { ...sample.spec, mode: 'Online' as const, ...change.spec },
    wanted: { ...sample.wanted, ...change.wanted },
  };
  const rows = new Map<string, DatabaseRecord>();
  const row = (database: string) =>
    rows.get(database) ?? sampleDatabase(record.ref.id, { database });
  const settings = { default_transaction_read_only: 'on' };
  const open = (database: string, options = {}) =>
    connect(endpointOf(cluster, database, user), { applicationName: 'pgmove/t/steps', ...options });
  const env = {
    record,
    signal: new AbortController().signal,
    log: pino({ enabled: false }),
    endpoint: (_side: string, database: string) => endpointOf(cluster, database, user),
    open: (_side: string, database: string) => open(database, { settings }),
    openSourceToChange: (database: string) => open(database),
    stores: {
      databases: {
        get: (_id: string, database: string) => Promise.resolve(row(database)),
        list: () => Promise.resolve([...rows.values()]),
        update: (
          _id: string,
          database: string,
          work: (record: DatabaseRecord) => { record: DatabaseRecord } | undefined,
        ) => {
          const next = work(row(database))?.record ?? row(database);
          rows.set(database, next);
          return Promise.resolve(next);
        },
      },
      replications: { list: () => Object.assign([], {}) },
    },
  } as unknown as ActivityEnvironment;
  return { env, row };
}

test('what is changed on the source is noted first, once, and the note goes when it is undone', async () => {
  await cluster.createDatabase('noted');
  await cluster.run('create table no_key (a int)', 'noted');
  const { env, row } = environment({});
  const look = async () => {
    await using session = await env.open('source', 'noted');
    return (await findIdentityProblems(session, everything)).problems;
  };
  const problems = await look();
  await setIdentitiesFull(env, 'noted', problems);
  await setIdentitiesFull(env, 'noted', problems);
  await fenceSource(env, 'noted');
  await fenceSource(env, 'noted');
  const noted = row('noted').sourceChanges;
  expect(noted).toMatchObject([
    { kind: 'replicaIdentity', table: 'no_key', before: 'd' },
    { kind: 'fence', acl: null, readOnly: null },
  ]);
  expect(await look()).toEqual([]);
  expect(await unfenceSource(env, 'noted')).toEqual([]);
  expect(row('noted').sourceChanges).toMatchObject([{ kind: 'replicaIdentity' }]);
  expect(await restoreNotedIdentities(env, 'noted')).toEqual([]);
  expect(row('noted').sourceChanges).toEqual([]);
  expect(await look()).toEqual(problems);
  expect(await unfenceSource(env, 'noted')).toEqual([]);
});

test('without the right to set it, a wanted set-up that is not enough ends the migration', async () => {
  await cluster.createDatabase('poor');
  const asked = environment({}, 'repl');
  expect(await readySource(asked.env, ['poor'], false)).toMatchObject({
    next: 'wait',
    message: expect.stringMatching(/wal_level.*603107/) as string,
  });
  const wanted = environment({ wanted: { setupLogicalReplication: true } }, 'repl');
  expect(await readySource(wanted.env, ['poor'], false)).toMatchObject({ next: 'failed' });
});

test('the set-up waits at its gate for the request, then for the restart, then lets go on', async () => {
  await cluster.createDatabase('shop');
  await cluster.run('create table no_key (a int)', 'shop');
  const asked = environment({});
  expect(await readySource(asked.env, ['shop'], false)).toMatchObject({ next: 'wait' });
  const wanted = environment({ wanted: { setupLogicalReplication: true } });
  for (let look = 0; look < 2; look += 1) {
    expect(await readySource(wanted.env, ['shop'], false)).toMatchObject({
      next: 'wait',
      message: expect.stringMatching(/restart the source/) as string,
    });
  }
  await cluster.halt();
  await cluster.start();
  expect(await readySource(asked.env, ['shop'], false)).toEqual({ next: 'go' });
  // The last look: without validation, tables that cannot be replicated stop the migration here.
  expect(await readySource(asked.env, ['shop'], true)).toMatchObject({
    next: 'failed',
    message: expect.stringMatching(/public\.no_key has no primary key/) as string,
  });
  const full = environment({ spec: { setReplicaIdentityFull: true } });
  expect(await readySource(full.env, ['shop'], true)).toEqual({ next: 'go' });
  const validated = environment({ spec: { option: 'ValidateAndMigrate' } });
  expect(await readySource(validated.env, ['shop'], true)).toEqual({ next: 'go' });
});
