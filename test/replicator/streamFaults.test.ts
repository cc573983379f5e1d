import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { dropSlot } from '../../shared/wal/slot.ts';
import { readProgress } from '../../shared/wal/progress.ts';
import { startCuttingProxy } from '../pg/copy/cuttingProxy.ts';
import { startTestCluster, withSession } from '../pg/copy/copyPair.ts';
import { startChildStream } from './support/childStream.ts';
import { copyAllOnline } from './support/copyTables.ts';
import { beginStream, differences, makeOnlinePair, planOnline } from './support/onlinePair.ts';
import type { OnlinePair } from './support/onlinePair.ts';
import { Killed, startStream } from './support/streamLoop.ts';
import { waitUntil } from './support/waitUntil.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

const SQL = `create table a (id int not null, v int, big text); create table b (k int, v text);
  alter table a alter big set storage external`;
const ROWS = `alter table a add primary key (id); alter table b replica identity full;
  insert into a select i, 0, repeat(md5(i::text), 100) from generate_series(1, 200) i;
  insert into b select i % 5, 'b' from generate_series(1, 50) i`;

/** Changes of every kind that cannot be applied twice unnoticed. */
function writeSql(n: number): string {
  return `insert into a values (${1000 + n}, 0, 'new'); update a set v = v + 1 where id <= 150;
    update a set id = id + 100000 where id = ${n}; delete from a where id = ${200 - n};
    begin; insert into b values (1, 'n${n}'); delete from b where ctid = (select min(ctid) from b);
    update b set v = v || '.' where k = 2; commit;`;
}

async function newPair(): Promise<OnlinePair> {
  const pair = await makeOnlinePair(source, target, { sql: SQL, rows: ROWS });
  await beginStream(pair);
  return pair;
}

/** Copies everything while it is written to; the stream runs already. */
async function copyUnderLoad(pair: OnlinePair): Promise<void> {
  let n = 1;
  await copyAllOnline(pair, await planOnline(pair, { batchTables: 1 }), {
    failPoint: async (name) => {
      if (name === 'copied' && n < 5) await pair.from.query(writeSql(n++));
    },
  });
  for (; n < 12; n += 1) await pair.from.query(writeSql(n));
}

const POINTS = [
  'received',
  'midGroup',
  'beforeCommit',
  'committed',
  'beforeCopying',
  'afterCopying',
  'midReplay',
  'afterReady',
];

describe('a stream that breaks off', () => {
  for (const point of POINTS) {
    it(`T57, T62: at the point ${point} loses nothing and applies nothing twice`, async () => {
      const pair = await newPair();
      let left = 3;
      {
        await using stream = startStream(pair, {
          failPoint: (name) => {
            if (name !== point || left === 0) return;
            left -= 1;
            throw new Killed(name);
          },
        });
        await copyUnderLoad(pair);
        await stream.caughtUp();
        await stream.waitFor('ready tables', ({ status }) => status.tablesReady === 2);
        expect(stream.errors.length).toBeGreaterThan(0);
        expect(await differences(pair)).toEqual([]);
      }
      await pair.close();
    });

    it(`T57, T62: by SIGKILL at the point ${point} loses nothing and applies nothing twice`, async () => {
      const pair = await newPair();
      const child = startChildStream(pair, { killAt: point });
      const copied = copyUnderLoad(pair);
      expect(await child.ended).toBe('SIGKILL');
      await using stream = startStream(pair);
      await copied;
      await stream.caughtUp();
      await stream.waitFor('ready tables', ({ status }) => status.tablesReady === 2);
      expect(await differences(pair)).toEqual([]);
      await stream.stop();
      await pair.close();
    });
  }

  it('because its walsender was ended goes on', async () => {
    const pair = await newPair();
    await using stream = startStream(pair);
    await copyUnderLoad(pair);
    for (let n = 12; n < 16; n += 1) {
      await pair.from.query(
        'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
        [pair.slot],
      );
      await pair.from.query(writeSql(n));
    }
    await stream.caughtUp();
    expect(stream.errors.length).toBeGreaterThan(0);
    expect(await differences(pair)).toEqual([]);
    await stream.stop();
    await pair.close();
  });

  it('because the network is cut in the middle of a transaction goes on', async () => {
    const pair = await newPair();
    await using proxy = await startCuttingProxy(source.port);
    const throughProxy = { ...pair.source, port: proxy.port };
    await using stream = startStream(pair, { overrides: { source: throughProxy } });
    await copyUnderLoad(pair);
    proxy.cutAfterBytes = 60_000;
    await pair.from.query(
      "insert into a select i, 0, repeat('x', 500) from generate_series(300000, 300500) i",
    );
    await waitUntil('cuts', () => proxy.cutCount >= 3);
    proxy.cutAfterBytes = undefined;
    await stream.caughtUp();
    expect(await differences(pair)).toEqual([]);
    await stream.stop();
    await pair.close();
  });

  it('T57: because the source crashed, with commits that were not flushed, goes on', async () => {
    const pair = await newPair();
    await using stream = startStream(pair);
    await copyUnderLoad(pair);
    for (let round = 0; round < 3; round += 1) {
      await pair.from.query('set synchronous_commit = off');
      await pair.from.query(writeSql(20 + round));
      await source.crash();
      await source.start();
      pair.from = await source.connect(pair.source.database);
      await pair.from.query(writeSql(30 + round));
    }
    await stream.caughtUp();
    expect(stream.errors.length).toBeGreaterThan(0);
    expect(await differences(pair)).toEqual([]);
    await stream.stop();
    await pair.close();
  });

  it('because the target crashed goes on', async () => {
    const pair = await newPair();
    await using stream = startStream(pair);
    await copyUnderLoad(pair);
    for (let round = 0; round < 2; round += 1) {
      await pair.from.query(writeSql(20 + round));
      await target.crash();
      await pair.from.query(writeSql(30 + round));
      await target.start();
      pair.into = await target.connect(pair.target.database);
    }
    await stream.caughtUp();
    expect(await differences(pair)).toEqual([]);
    await stream.stop();
    await pair.close();
  });
});

describe('a slot', () => {
  it('T58: that was dropped stops the stream and says so', async () => {
    const pair = await newPair();
    await using stream = startStream(pair);
    await copyUnderLoad(pair);
    await withSession(pair.source, (session) =>
      dropSlot(session, pair.slot, { signal: AbortSignal.timeout(10_000) }),
    );
    const failure = await stream.ended;
    expect(failure).toBeInstanceOf(MigrationError);
    expect(failure).toMatchObject({ kind: 'slotLost' });
    expect(String(failure)).toContain(pair.slot);
    await pair.close();
  });

  it('T58: that was made anew under the same name is not read from', async () => {
    const pair = await newPair();
    {
      await using stream = startStream(pair);
      await copyUnderLoad(pair);
      await stream.caughtUp();
    }
    const before = await withSession(pair.target, readProgress);
    await pair.from.query('select pg_drop_replication_slot($1)', [pair.slot]);
    await pair.from.query("insert into b values (9, 'lost')");
    await pair.from.query("select pg_create_logical_replication_slot($1, 'wal2json')", [pair.slot]);
    await pair.from.query("insert into b values (9, 'not lost')");
    await using again = startStream(pair);
    expect(await again.ended).toMatchObject({ kind: 'slotLost' });
    const after = await withSession(pair.target, readProgress);
    expect(after.lsn).toBe(before.lsn);
    await pair.close();
  });
});

describe('what the server sends again', () => {
  const slotPosition = async (pair: OnlinePair) => {
    const { rows } = await pair.from.query<{ lsn: string }>(
      'select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = $1',
      [pair.slot],
    );
    return parseLsn(rows[0]?.lsn ?? '0/0');
  };

  it('T57: after a crash that set the slot back is not applied twice', async () => {
    const pair = await newPair();
    {
      await using stream = startStream(pair);
      await copyUnderLoad(pair);
      await stream.caughtUp();
    }
    // The server writes the slot to its disk now and then, and not whenever something is confirmed.
    let isSetBack = false;
    let n = 40;
    while (!isSetBack && n < 80) {
      {
        await using stream = startStream(pair);
        for (const next of ['first', 'second']) {
          const before = await slotPosition(pair);
          await pair.from.query(`${writeSql(n++)}; insert into b values (6, '${next}')`);
          await stream.caughtUp();
          await waitUntil('the slot to move', async () => (await slotPosition(pair)) > before);
        }
      }
      const confirmed = await slotPosition(pair);
      await source.crash();
      await source.start();
      pair.from = await source.connect(pair.source.database);
      isSetBack = (await slotPosition(pair)) < confirmed;
    }
    expect(isSetBack).toBe(true);
    await using stream = startStream(pair);
    await pair.from.query("insert into b values (3, 'one more')");
    await stream.caughtUp();
    expect(stream.counters).toMatchObject({ inserts: 1, updates: 0, deletes: 0 });
    expect(await differences(pair)).toEqual([]);
    await stream.stop();
    await pair.close();
  });

  it('T57: because a group was committed after it was asked for is not applied twice', async () => {
    const pair = await newPair();
    await using first = startStream(pair);
    await copyUnderLoad(pair);
    await first.caughtUp();
    // Whoever writes the progress has to wait; the first stream's group is complete but for that.
    const holder = await target.connect(pair.target.database);
    await holder.query('begin; select from pgmove.progress for update');
    const waitForWriters = async (count: number) =>
      await waitUntil(`${count} writers of the progress`, async () => {
        const { rows } = await pair.into.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
           where wait_event_type = 'Lock' and query like '%update pgmove.progress%'
             and datname = current_database()`,
        );
        return rows[0]?.n === count;
      });
    await pair.from.query(
      "insert into b values (8, 'once'); insert into a values (5000, 0, 'once')",
    );
    await waitForWriters(1);
    await pair.from.query(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
      [pair.slot],
    );
    // It has read the position from before the group, and asks for everything behind it.
    await using second = startStream(pair);
    await waitForWriters(2);
    await holder.query('commit');
    await holder.end();
    await first.stop();
    await pair.from.query("insert into b values (8, 'later')");
    await second.caughtUp();
    expect(second.counters).toMatchObject({ inserts: 1 });
    expect(second.errors).toEqual([]);
    expect(await differences(pair)).toEqual([]);
    await second.stop();
    await pair.close();
  });
});

describe('two replicators at once', () => {
  it('do not disturb each other: the slot has one reader', async () => {
    const pair = await newPair();
    await using first = startStream(pair);
    await copyUnderLoad(pair);
    await using second = startStream(pair, { restartMs: 50 });
    await pair.from.query(writeSql(20));
    await first.caughtUp();
    await waitUntil('the second one to be refused', () => second.errors.length > 0);
    expect(first.errors).toEqual([]);
    for (const error of second.errors) expect(error).toMatchObject({ kind: 'lockTimeout' });
    await first.stop();
    await pair.from.query(writeSql(21));
    await second.caughtUp();
    expect(await differences(pair)).toEqual([]);
    await second.stop();
    await pair.close();
  });

  it('cannot both write: who lost the slot in the middle of a group is fenced off', async () => {
    const pair = await newPair();
    let isHeld = false;
    let letGo: () => void = () => undefined;
    await using first = startStream(pair, {
      failPoint: async (name) => {
        if (name !== 'beforeCommit' || isHeld || !isArmed) return;
        isHeld = true;
        await new Promise<void>((resolve) => (letGo = resolve));
      },
    });
    let isArmed = false;
    await copyUnderLoad(pair);
    await first.caughtUp();
    isArmed = true;
    await pair.from.query("insert into b values (7, 'once')");
    await waitUntil('the first one to stand still', () => isHeld);
    await pair.from.query(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
      [pair.slot],
    );
    await using second = startStream(pair);
    await second.waitFor('the second one', () => true);
    letGo();
    await waitUntil('the first one to be fenced', () => first.errors.length > 0);
    expect(first.errors[0]).toMatchObject({ kind: 'fenced' });
    await first.stop();
    await second.caughtUp();
    expect(await differences(pair)).toEqual([]);
    await second.stop();
    await pair.close();
  });
});
