import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { embeddedBinaries } from '../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { MigrationError } from '../../shared/errors/migrationError.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { probePlugin } from '../../shared/wal/plugin.ts';
import { createProvenSlot } from '../../shared/wal/provenSlot.ts';
import type { ProvenSlotOptions } from '../../shared/wal/provenSlot.ts';
import {
  checkSlot,
  dropSlot,
  readSlot,
  readSystemIdentity,
  slotNameOf,
} from '../../shared/wal/slot.ts';
import { openWalStream } from '../../shared/wal/stream.ts';
import { isSeen, parseSnapshot } from '../../shared/wal/visibility.ts';
import { isRow, takeUntil } from './walSource.ts';

let cluster: ThrowawayCluster;
let client: pg.Client;
/** Neither a superuser nor the owner of anything. */
let endpoint: PgEndpoint;
let session: PgSession;
const slot = slotNameOf('migration', 'app');
const signal = AbortSignal.timeout(100_000);

beforeAll(async () => {
  cluster = await startThrowawayCluster({
    settings: { max_prepared_transactions: '5', max_replication_slots: '3' },
  });
  await cluster.createDatabase('app');
  client = await cluster.connect('app');
  await client.query('create role mover login replication; create table t (a int)');
  endpoint = {
    host: '127.0.0.1',
    port: cluster.port,
    user: 'mover',
    password: '',
    database: 'app',
    tls: { mode: 'disable' },
  };
  session = await connect(endpoint, { applicationName: 'pgmove/test/slot' });
});

afterAll(async () => {
  await session?.close();
  await client?.end();
  await cluster?.stop();
});

function create(options: Partial<ProvenSlotOptions> = {}) {
  return createProvenSlot({
    endpoint,
    slot,
    applicationName: 'pgmove/test/slot',
    signal,
    waitMs: 30_000,
    ...options,
  });
}

function rejection(promise: Promise<unknown>): Promise<MigrationError> {
  return promise.then(
    () => Promise.reject(new Error('It succeeded.')),
    (error: unknown) => error as MigrationError,
  );
}

async function slotCount(): Promise<number> {
  return (await client.query('select from pg_replication_slots')).rowCount ?? 0;
}

test('the name of a slot is stable, valid and ours', () => {
  expect(slotNameOf('m', 'app')).toBe(slotNameOf('m', 'app'));
  expect(slotNameOf('m', 'app')).not.toBe(slotNameOf('m2', 'app'));
  for (const database of ['app', 'Äpp "x"', '', 'a-b', 'a_b', 'x'.repeat(63)]) {
    expect(slotNameOf('m', database)).toMatch(/^pgmove_[a-z0-9_]{1,56}$/);
  }
  expect(slotNameOf('m', 'a-b')).not.toBe(slotNameOf('m', 'a_b'));
});

test('a role with REPLICATION makes a proven slot, whose snapshot and stream fit together', async () => {
  await client.query('insert into t values (1)');
  const proven = await create();
  expect(proven.slot).toBe(slot);
  expect(await readSystemIdentity(session)).toEqual({
    systemIdentifier: proven.systemIdentifier,
    timeline: 1,
  });
  const state = await readSlot(session, slot);
  expect(state).toMatchObject({ confirmedFlushLsn: proven.consistentPoint, walStatus: 'reserved' });
  expect(state?.activePid).toBeUndefined();
  expect(state?.retainedBytes).toBeGreaterThan(0n);

  await client.query('insert into t values (2)');
  await client.query("select pg_logical_emit_message(true, 'pgmove', 'done')");
  const plugin = await probePlugin(session, slot);
  {
    await using stream = await openWalStream({
      endpoint,
      slot,
      start: proven.consistentPoint,
      applicationName: 'pgmove/test/stream',
      signal,
      plugin,
    });
    const messages = await takeUntil(stream, 'done');
    // The canary of the proof is still there: nothing was consumed.
    expect(messages.filter((each) => each.action === 'M')).toHaveLength(2);
    expect(messages.filter(isRow).map((each) => each.values?.at(0))).toEqual(['2']);
    const snapshot = parseSnapshot(proven.slotSnapshot);
    for (const each of messages) {
      if (each.action === 'B') expect(isSeen(snapshot, each.xid)).toBe(false);
    }
    expect((await readSlot(session, slot))?.activePid).toBeTypeOf('number');
    // A reader that is still there is ended.
    await dropSlot(session, slot, { signal });
  }
  expect(await readSlot(session, slot)).toBeUndefined();
  await dropSlot(session, slot, { signal });
  expect((await rejection(dropSlot(session, 'theirs', { signal }))).kind).toBe('invalidInput');
});

test('T40: a slot waits for old transactions, names them when it waited too long, and leaves nothing', async () => {
  const old = await cluster.connect('postgres');
  await old.query("set application_name = 'old app'; begin; select txid_current()");
  const preparer = await cluster.connect('app');
  await preparer.query("begin; insert into t values (0); prepare transaction 'forgotten'");
  const error = await rejection(
    create({ endpoint: { ...endpoint, user: 'postgres' }, waitMs: 300 }),
  );
  expect(error.kind).toBe('lockTimeout');
  expect(error.message).toContain('application old app');
  expect(error.message).toContain('database postgres, user postgres');
  expect(error.message).toContain('prepared transaction forgotten');
  expect(await slotCount()).toBe(0);

  // A role that may not see others still says what it can.
  const blind = await rejection(create({ waitMs: 300 }));
  expect(blind.kind).toBe('lockTimeout');
  expect(blind.message).toContain('prepared transaction forgotten');
  expect(await slotCount()).toBe(0);

  const controller = new AbortController();
  const stopped = rejection(create({ signal: controller.signal }));
  await vi.waitFor(async () => expect(await slotCount()).toBe(1));
  controller.abort();
  expect((await stopped).kind).toBe('canceled');
  expect(await slotCount()).toBe(0);

  // It goes on when they end.
  const waiting = create();
  await vi.waitFor(async () => expect(await slotCount()).toBe(1));
  await preparer.query("commit prepared 'forgotten'");
  await old.query('rollback');
  expect((await waiting).slot).toBe(slot);
  await dropSlot(session, slot, { signal });
  await preparer.end();
  await old.end();
});

test('a slot is made again when a table was changed while it was made', async () => {
  const changer = await cluster.connect('app');
  await changer.query("begin; alter table t add b text default 'x' || random()");
  const waiting = create();
  await vi.waitFor(async () => expect(await slotCount()).toBe(1));
  const { rows } = await client.query<{ xmin: string }>(
    'select catalog_xmin::text as xmin from pg_replication_slots',
  );
  await changer.query('commit');
  await changer.query('insert into t values (3)');
  const proven = await waiting;
  const { rows: after } = await client.query<{ xmin: string }>(
    'select catalog_xmin::text as xmin from pg_replication_slots',
  );
  expect(Number(after[0]?.xmin)).toBeGreaterThan(Number(rows[0]?.xmin ?? 0));
  expect(proven.slot).toBe(slot);
  await changer.end();
});

test('a slot that was left behind is made anew, and one that cannot be proven is not kept', async () => {
  const before = await readSlot(session, slot);
  expect(before).toBeDefined();
  const proven = await create();
  expect(proven.consistentPoint).toBeGreaterThan(before?.confirmedFlushLsn ?? 0n);
  await dropSlot(session, slot, { signal });

  let isDone = false;
  const churn = (async () => {
    const changer = await cluster.connect('app');
    await changer.query('create table other (a int)');
    while (!isDone) {
      await changer.query('drop table if exists churn; create table churn (a int); truncate other');
    }
    await changer.end();
  })();
  const error = await rejection(create({ maxAttempts: 1 }));
  isDone = true;
  await churn;
  expect(error.kind).toBe('lockTimeout');
  expect(error.message).toContain(
    'public.churn, public.other were created, altered, truncated or dropped meanwhile',
  );
  expect(await slotCount()).toBe(0);
});

describe('T58: a slot that has a gap is noticed', () => {
  test('when it is missing, made anew, on another server or timeline, or the source went back', async () => {
    const proven = await create();
    const expected = { ...proven, position: proven.consistentPoint };
    await checkSlot(session, slot, expected);

    const failures = [
      [{ ...expected, systemIdentifier: '1' }, /another server/],
      [{ ...expected, timeline: 2 }, /timeline 1/],
      [{ ...expected, position: proven.consistentPoint - 1n }, /made anew/],
      [
        { ...expected, position: proven.consistentPoint + (1n << 40n) },
        /the source has written up to/,
      ],
    ] as const;
    for (const [other, message] of failures) {
      const error = await rejection(checkSlot(session, slot, other));
      expect(error.kind).toBe('slotLost');
      expect(error.message).toMatch(message);
    }
    await dropSlot(session, slot, { signal });
    const missing = await rejection(checkSlot(session, slot, expected));
    expect(missing.kind).toBe('slotLost');
    expect(missing.message).toContain('does not exist');

    await client.query('insert into t values (4)');
    await create();
    expect((await rejection(checkSlot(session, slot, expected))).message).toMatch(/made anew/);
  });

  test('T60: when the server gave it up, in the check and in the stream', async () => {
    await using lost = await startThrowawayCluster({
      settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' },
    });
    const there: PgEndpoint = {
      ...endpoint,
      port: lost.port,
      user: 'postgres',
      database: 'postgres',
    };
    const proven = await create({ endpoint: there });
    await using control = await connect(there, { applicationName: 'pgmove/test/slot' });
    const plugin = await probePlugin(control, slot);
    expect((await readSlot(control, slot))?.safeWalSize).toBeTypeOf('bigint');
    for (let index = 0; index < 4; index++) {
      await lost.run(
        "select pg_logical_emit_message(false, 'x', repeat('x', 1000000)); select pg_switch_wal(); checkpoint",
      );
    }
    expect((await readSlot(control, slot))?.walStatus).toBe('lost');
    const expected = { ...proven, position: proven.consistentPoint };
    expect((await rejection(checkSlot(control, slot, expected))).kind).toBe('slotLost');
    const opened = openWalStream({
      endpoint: there,
      slot,
      start: proven.consistentPoint,
      applicationName: 'pgmove/test/stream',
      signal,
      plugin,
    });
    expect((await rejection(opened)).kind).toBe('slotLost');
    // The walsender that refused lets go of the slot after it has said so.
    await vi.waitFor(async () => {
      expect((await rejection(probePlugin(control, slot))).kind).toBe('slotLost');
    });
    await dropSlot(control, slot, { signal });
  });
});

test.each([10, 12, 18] as const)('slots of PostgreSQL %d are read and dropped', async (major) => {
  await using other = await startThrowawayCluster({ binaries: await embeddedBinaries(major) });
  await other.run('create role mover login replication');
  await using there = await connect(
    { ...endpoint, port: other.port, database: 'postgres' },
    { applicationName: 'pgmove/test/slot' },
  );
  expect((await readSystemIdentity(there)).timeline).toBe(1);
  const { rows } = await there.query<{ lsn: string }>(
    "select lsn::text as lsn from pg_create_logical_replication_slot('pgmove_x', 'test_decoding')",
  );
  expect(await readSlot(there, 'pgmove_x')).toMatchObject({
    confirmedFlushLsn: parseLsn(rows[0]!.lsn),
  });
  await dropSlot(there, 'pgmove_x', { signal });
  expect(await readSlot(there, 'pgmove_x')).toBeUndefined();
});

test('no place for a slot, and no right to make one, say what they are', async () => {
  await dropSlot(session, slot, { signal });
  for (const name of ['x1', 'x2', 'x3']) {
    await client.query("select pg_create_logical_replication_slot($1, 'wal2json')", [name]);
  }
  const error = await rejection(create());
  expect(error.kind).toBe('resourceExhausted');
  for (const name of ['x1', 'x2', 'x3']) {
    await client.query('select pg_drop_replication_slot($1)', [name]);
  }
  await client.query('create role plain login');
  const refused = await rejection(create({ endpoint: { ...endpoint, user: 'plain' } }));
  expect(refused.kind).toBe('permissionDenied');
});
