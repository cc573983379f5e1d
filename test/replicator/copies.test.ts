import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { copyAllOnline, copyBatchOnline, copyOnceOnline } from './support/copyTables.ts';
import {
  beginStream,
  differences,
  makeOnlinePair,
  planOnline,
  tableRow,
} from './support/onlinePair.ts';
import type { OnlinePair, PairOptions } from './support/onlinePair.ts';
import { startStream } from './support/streamLoop.ts';
import type { StreamLoop } from './support/streamLoop.ts';
import { waitUntil } from './support/waitUntil.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

async function withStream(
  options: PairOptions,
  work: (pair: OnlinePair, stream: StreamLoop) => Promise<void>,
): Promise<void> {
  const pair = await makeOnlinePair(source, target, options);
  try {
    await beginStream(pair);
    await using stream = startStream(pair);
    await work(pair, stream);
  } finally {
    await pair.close();
  }
}

const LARGE = {
  sql: 'create table large (id int not null, v int, pad text); create table small (id int not null)',
  rows: `alter table large add primary key (id); alter table small add primary key (id);
    insert into large select i, 0, repeat('p', 150) from generate_series(1, 5000) i;
    insert into small select generate_series(1, 100); analyze`,
};

/** Rows move from block to block, and so from part to part. */
async function moveRows(pair: OnlinePair): Promise<void> {
  await pair.from.query(
    'update large set v = v + 1 where id % 7 = 0; delete from large where id % 11 = 0',
  );
  await pair.from.query('vacuum large');
  await pair.from.query(
    `insert into large select i, 1, repeat('q', 150) from generate_series(10000, 10300) i
     on conflict do nothing`,
  );
}

async function planParts(pair: OnlinePair) {
  const batches = await planOnline(pair, {
    splitThresholdBytes: 100_000,
    partBytes: 250_000,
    batchTables: 1,
  });
  const parts = batches.filter(({ kind }) => kind === 'part');
  expect(parts.length).toBeGreaterThan(2);
  return { parts, rest: batches.filter(({ kind }) => kind === 'tables') };
}

/** Ends the backend whose transaction exports the snapshot of the parts. */
async function loseSnapshot(pair: OnlinePair): Promise<void> {
  const { rowCount } = await pair.from.query(
    `select pg_terminate_backend(a.pid) from pg_stat_activity a join pg_locks l on l.pid = a.pid
     where a.application_name = 'pgmove/test/stream' and l.relation = 'large'::regclass`,
  );
  expect(rowCount).toBe(1);
}

describe('a large table', () => {
  it('is copied in parts under one snapshot, while its rows move between the parts', async () => {
    await withStream(LARGE, async (pair, stream) => {
      const { parts, rest } = await planParts(pair);
      await copyAllOnline(pair, [...parts, ...rest], {
        failPoint: async (name) => {
          if (name === 'copied') await moveRows(pair);
        },
      });
      await stream.caughtUp();
      expect((await tableRow(pair, 'large')).generation).toBe(1);
      expect(await differences(pair)).toEqual([]);
      // The snapshot is let go, and with it the source's vacuum horizon.
      await waitUntil('the lock to be gone', async () => {
        const { rowCount } = await pair.from.query(
          "select from pg_locks where relation = 'large'::regclass and mode = 'AccessShareLock'",
        );
        return rowCount === 0;
      });
    });
  });

  it('starts again alone when its snapshot is lost', async () => {
    await withStream(LARGE, async (pair, stream) => {
      const { parts, rest } = await planParts(pair);
      for (const batch of rest) await copyBatchOnline(pair, batch);
      const [first, ...others] = parts;
      const [outcome] = await copyOnceOnline(pair, first!);
      expect(outcome).toMatchObject({ state: 'done', skipped: false, generation: 1 });
      await moveRows(pair);
      await loseSnapshot(pair);
      await copyAllOnline(pair, [...others, first!]);
      await stream.caughtUp();
      expect((await tableRow(pair, 'large')).generation).toBe(2);
      expect((await tableRow(pair, 'small')).generation).toBe(1);
      expect(stream.errors).toEqual([]);
      expect(await differences(pair)).toEqual([]);
    });
  });

  it('starts again when the replicator that held its snapshot is another one', async () => {
    await withStream(LARGE, async (pair, stream) => {
      const { parts, rest } = await planParts(pair);
      await copyOnceOnline(pair, parts[0]!);
      await stream.stop();
      await moveRows(pair);
      await using again = startStream(pair);
      await copyAllOnline(pair, [...parts, ...rest]);
      await again.caughtUp();
      expect((await tableRow(pair, 'large')).generation).toBe(2);
      expect(await differences(pair)).toEqual([]);
    });
  });

  it('lets a TRUNCATE pass that waits for its snapshot, and starts again', async () => {
    await withStream(LARGE, async (pair, stream) => {
      const { parts, rest } = await planParts(pair);
      await copyOnceOnline(pair, parts[0]!);
      const other = await source.connect(pair.source.database);
      const truncated = other.query('truncate large; insert into large values (1, 1, null)');
      await copyAllOnline(pair, [...parts, ...rest]);
      await truncated;
      await other.end();
      await stream.caughtUp();
      expect((await tableRow(pair, 'large')).generation).toBeGreaterThan(1);
      expect(await differences(pair)).toEqual([]);
    });
  });

  it('is not read under a snapshot of another transaction with the same name', async () => {
    await withStream(LARGE, async (pair, stream) => {
      const { parts, rest } = await planParts(pair);
      await copyOnceOnline(pair, parts[0]!);
      // As after a crash of the source: the name is another transaction's now.
      await moveRows(pair);
      const other = await source.connect(pair.source.database);
      await other.query('begin isolation level repeatable read');
      const { rows } = await other.query<{ id: string }>('select pg_export_snapshot() as id');
      await pair.into.query(
        `update pgmove.copies c set export = $1 from pgmove.tables t
         where t.table_id = c.table_id and t.table_name = 'large' and part = 0`,
        [rows[0]?.id],
      );
      const late = copyOnceOnline(pair, parts[1]!);
      await waitUntil('the part to look', async () => {
        const { rowCount } = await pair.from.query(
          "select from pg_stat_activity where application_name = 'pgmove/test/copy' and query = 'rollback'",
        );
        return rowCount === 1;
      });
      await loseSnapshot(pair);
      await late;
      await other.end();
      await copyAllOnline(pair, [...parts, ...rest]);
      await stream.caughtUp();
      expect((await tableRow(pair, 'large')).generation).toBe(2);
      expect(await differences(pair)).toEqual([]);
    });
  });
});

describe('a copy', () => {
  it('that runs twice at once leaves the same rows', async () => {
    await withStream(LARGE, async (pair, stream) => {
      const { parts, rest } = await planParts(pair);
      const twice = [...parts, ...rest].flatMap((batch) => [batch, batch]);
      const options = {
        failPoint: async (name: string) => {
          if (name === 'copied') await moveRows(pair);
        },
      };
      await Promise.all(twice.map((batch) => copyBatchOnline(pair, batch, options)));
      await copyAllOnline(pair, [...parts, ...rest]);
      await stream.caughtUp();
      expect(await differences(pair)).toEqual([]);
    });
  });

  it('waits until what was dropped is visible: a commit that a standby does not confirm', async () => {
    await withStream(
      {
        sql: 'create table t (id int not null)',
        rows: 'alter table t add primary key (id); insert into t select generate_series(1, 10)',
      },
      async (pair, stream) => {
        const writer = await source.connect(pair.source.database);
        await using standby = await awaitStandby(pair);
        // In the WAL and in the stream, but not visible before the standby answers.
        const commit = writer.query('insert into t values (11)');
        await stream.waitFor('the drop', () => stream.counters.incoming === 1);
        const copied = copyAllOnline(pair, await planOnline(pair));
        await waitUntil(
          'the hand-shake',
          async () => (await tableRow(pair, 't')).state === 'starting',
        );
        const { rowCount } = await pair.from.query('select from t');
        expect(rowCount).toBe(10);
        await standby.giveUp();
        await commit;
        await copied;
        await stream.caughtUp();
        expect(await differences(pair)).toEqual([]);
        await writer.end();
      },
    );
  });

  it('does not stand still on a source without traffic whose last WAL is not flushed', async () => {
    await withStream(
      { sql: 'create table t (id int not null)', rows: 'alter table t add primary key (id)' },
      async (pair, stream) => {
        const batches = await planOnline(pair);
        const begun = performance.now();
        await copyAllOnline(pair, batches, {
          failPoint: async (name) => {
            if (name === 'copying')
              await pair.from.query('begin; insert into t values (1); rollback');
          },
        });
        expect(performance.now() - begun).toBeLessThan(8000);
        await stream.caughtUp();
      },
    );
  });
});

describe('while a large table is copied', () => {
  it('T41: the slot keeps little WAL, and the oldest xmin moves on as tables finish', async () => {
    await withStream(
      {
        sql: 'create table slow (id int not null, v text); create table busy (id int not null, v text)',
        rows: `alter table slow add primary key (id); alter table busy add primary key (id);
          insert into slow select i, 'v' from generate_series(1, 1000) i;
          insert into busy select i, repeat('v', 1000) from generate_series(1, 5000) i`,
      },
      async (pair, stream) => {
        const batches = await planOnline(pair, { batchTables: 1 });
        const kept: number[] = [];
        let written = 0;
        let frozen: (() => void) | undefined;
        const slow = batches.find(({ items }) => items[0]?.name === 'slow')!;
        const busy = batches.find(({ items }) => items[0]?.name === 'busy')!;
        const copying = copyBatchOnline(pair, slow, {
          failPoint: async (name) => {
            if (name === 'copied') await new Promise<void>((resolve) => (frozen = resolve));
          },
        });
        await waitUntil('the slow copy', () => frozen !== undefined);
        await copyBatchOnline(pair, busy);
        const start = await insertLsn(pair);
        let rounds = 0;
        for (; written < 200 * 1024 * 1024; rounds += 1) {
          await pair.from.query('update busy set v = repeat(md5(random()::text), 30)');
          await pair.from.query('update slow set v = v || 1 where id % 10 = 0');
          // A slot's restart point moves with the server's notes of running transactions, which come
          // every 15 seconds and with checkpoints: so this stands for hours of a slower load.
          if (rounds % 4 === 0) {
            await stream.caughtUp();
            await pair.from.query('checkpoint');
          }
          kept.push(await retainedBytes(pair));
          written = Number((await insertLsn(pair)) - start);
        }
        expect(Math.max(...kept)).toBeLessThan(64 * 1024 * 1024 + written / rounds);
        const heldXmin = await oldestXmin(pair);
        frozen?.();
        await copying;
        await waitUntil('xmin to move', async () => (await oldestXmin(pair)) !== heldXmin);
        await stream.caughtUp();
        expect(await differences(pair)).toEqual([]);
      },
    );
  });
});

/**
 * From here on every commit of the source waits for a standby that does not answer. Servers take a
 * new setting in their own time: it holds when a commit is seen to wait.
 */
async function awaitStandby(pair: OnlinePair) {
  const probe = await source.connect(pair.source.database);
  const { rows } = await probe.query<{ pid: number }>('select pg_backend_pid() as pid');
  await source.run("alter system set synchronous_standby_names = 'ghost'");
  await source.run('select pg_reload_conf()');
  let commit: Promise<unknown> | undefined;
  const isHeld = async () => {
    commit ??= probe.query("select pg_logical_emit_message(true, 'probe', '')").finally(() => {
      commit = undefined;
    });
    const { rowCount } = await pair.from.query(
      "select from pg_stat_activity where pid = $1 and wait_event = 'SyncRep'",
      [rows[0]?.pid],
    );
    return rowCount === 1;
  };
  const giveUp = async () => {
    await source.run('alter system reset synchronous_standby_names');
    await source.run('select pg_reload_conf()');
    await commit;
  };
  await waitUntil('a commit that waits for the standby', isHeld);
  return {
    giveUp,
    // The tests behind this one commit too.
    [Symbol.asyncDispose]: async () => {
      await giveUp();
      await probe.end();
    },
  };
}

async function insertLsn(pair: OnlinePair): Promise<bigint> {
  const { rows } = await pair.from.query<{ lsn: string }>(
    'select pg_current_wal_insert_lsn()::text as lsn',
  );
  return parseLsn(rows[0]?.lsn ?? '0/0');
}

async function retainedBytes(pair: OnlinePair): Promise<number> {
  const { rows } = await pair.from.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn) as bytes
     from pg_replication_slots where slot_name = $1`,
    [pair.slot],
  );
  return Number(rows[0]?.bytes ?? 0);
}

async function oldestXmin(pair: OnlinePair): Promise<string | undefined> {
  const { rows } = await pair.from.query<{ xmin: string }>(
    `select backend_xmin::text as xmin from pg_stat_activity
     where application_name like 'pgmove/test/%' and backend_xmin is not null
     order by age(backend_xmin) desc limit 1`,
  );
  return rows[0]?.xmin;
}
