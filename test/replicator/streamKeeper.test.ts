import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StreamKeeper } from '../../replicator/streamKeeper.ts';
import type { StreamKeeperOptions, StreamWish } from '../../replicator/streamKeeper.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { MigrationRecord, ReplicationRecord } from '../../shared/contracts/records.ts';
import type { SecretStore } from '../../shared/secrets/secretStore.ts';
import { sampleDatabase, sampleMigration, startState } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';

let source: ThrowawayCluster;
let state: StateFixture;

beforeAll(async () => {
  [source, state] = await Promise.all([startThrowawayCluster(), startState()]);
});
afterAll(async () => {
  await Promise.all([source.stop(), state.azurite.stop()]);
});

/** The migration's secrets: the servers of the test ask for none. */
const secrets: SecretStore = {
  get: () => Promise.resolve({}),
  put: () => Promise.resolve(),
  delete: () => Promise.resolve(),
  list: async function* () {
    yield* [];
  },
};

interface Kept {
  migration: MigrationRecord;
  record: ReplicationRecord;
  wish: StreamWish;
  slots: () => Promise<number>;
}

/** A failed database whose slot is kept for a resume. */
async function failedDatabase(database: string, until: string): Promise<Kept> {
  await source.createDatabase(database);
  const slot = `pgmove_${database}`;
  await source.run(`select pg_create_logical_replication_slot('${slot}', 'wal2json')`, database);
  const side = { host: '127.0.0.1', port: source.port, user: 'postgres', tls: { mode: 'disable' } };
  const sample = sampleMigration();
  const spec = { ...sample.spec, mode: 'Online', source: side, target: side } as const;
  const migration = { ...sample, spec: spec as MigrationRecord['spec'] };
  await state.stores.migrations.create(migration);
  const row = sampleDatabase(migration.ref.id, { database, state: 'Failed', message: 'It broke.' });
  await state.stores.databases.put(row);
  const wish: StreamWish = { phase: 'stream', generation: 1, run: 0, slot, until };
  const record: ReplicationRecord = {
    ref: migration.ref,
    database,
    desired: wish,
    observed: {
      phase: 'streamFailed',
      generation: 1,
      run: 0,
      reason: 'It broke.',
      isSlotLost: false,
    },
    waitingInstanceId: '',
  };
  const slots = async () => {
    const client = await source.connect();
    const { rowCount } = await client.query(
      'select from pg_replication_slots where slot_name = $1',
      [slot],
    );
    await client.end();
    return rowCount ?? 0;
  };
  return { migration, record, wish, slots };
}

function keeper(change: Partial<StreamKeeperOptions>): {
  keeper: StreamKeeper;
  observed: ReplicationRecord['observed'][];
} {
  const observed: ReplicationRecord['observed'][] = [];
  const made = new StreamKeeper({
    stores: state.stores,
    secrets,
    log: pino({ level: 'silent' }),
    slotWaitMs: 1_000,
    decodingWorkMemMegabytes: 0,
    allowedHosts: [],
    failedSlotMaxBytes: 10 * 1024 ** 3,
    observe: (_record, { observed: seen }) => {
      if (seen !== undefined) observed.push(seen);
      return Promise.resolve();
    },
    ...change,
  });
  return { keeper: made, observed };
}

const LATER = '2999-01-01T00:00:00.000Z';
const EARLIER = '2001-01-01T00:00:00.000Z';

test('the slot of a failed database is kept as long as its time, and its WAL, are not over', async () => {
  const { record, wish, slots } = await failedDatabase('kept', LATER);
  const { keeper: streams, observed } = keeper({});
  await streams.follow(record, wish);
  expect(observed).toEqual([]);
  expect(await slots()).toBe(1);
});

test.each([
  ['its time is over', EARLIER, 10 * 1024 ** 3, /time for a resume ran out/],
  ['it keeps more WAL than it may', LATER, -1, /more WAL than it may/],
] as const)('T60: it goes when %s, which is said by an event', async (name, until, most, why) => {
  const { migration, record, wish, slots } = await failedDatabase(
    name.replaceAll(/[^a-z]/gi, '_').toLowerCase(),
    until,
  );
  const { keeper: streams, observed } = keeper({ failedSlotMaxBytes: most });
  await streams.follow(record, wish);
  expect(observed).toMatchObject([{ phase: 'streamFailed', isSlotLost: true, reason: why }]);
  expect(await slots()).toBe(0);
  const { id } = migration.ref;
  const row = await state.stores.databases.get(id, record.database);
  expect(row?.message).toMatch(/^It broke\. The slot/);
  const outbox = await state.stores.databases.outbox(id, record.database);
  expect(outbox.map(({ event }) => event.type)).toEqual(['SlotDropped']);
});
