import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import { verifyContent } from '../../shared/pg/compare/content.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { copyAllOnline } from './support/copyTables.ts';
import {
  beginStream,
  canaryPosition,
  differences,
  makeOnlinePair,
  planOnline,
} from './support/onlinePair.ts';
import type { OnlinePair, PairOptions } from './support/onlinePair.ts';
import { startStream } from './support/streamLoop.ts';
import type { LoopOptions, StreamLoop } from './support/streamLoop.ts';
import { waitUntil } from './support/waitUntil.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

/** A pair whose stream runs, while `work` goes on. */
async function withStream(
  options: PairOptions & LoopOptions,
  work: (pair: OnlinePair, stream: StreamLoop) => Promise<void>,
): Promise<void> {
  const pair = await makeOnlinePair(source, target, options);
  try {
    await beginStream(pair);
    await using stream = startStream(pair, options);
    await work(pair, stream);
  } finally {
    await pair.close();
  }
}

/** The statements run while the copy has its snapshot, after it, and when the table is ready. */
async function carry(
  pair: OnlinePair,
  stream: StreamLoop,
  statements: { before?: string; during?: string; after?: string },
): Promise<void> {
  if (statements.before) await pair.from.query(statements.before);
  let isDone = false;
  await copyAllOnline(pair, await planOnline(pair), {
    failPoint: async (name) => {
      if (name !== 'copied' || isDone || !statements.during) return;
      isDone = true;
      await pair.from.query(statements.during);
    },
  });
  await stream.waitFor('ready tables', ({ status }) => status.tablesCopying === 0);
  if (statements.after) await pair.from.query(statements.after);
  await stream.caughtUp();
  expect(await differences(pair)).toEqual([]);
  expect(stream.errors).toEqual([]);
}

describe('a stream', () => {
  it('carries what happens before, during and after the copy of a table', async () => {
    await withStream(
      {
        sql: 'create table t (id int not null, v text)',
        rows: 'alter table t add primary key (id); insert into t select i, i::text from generate_series(1, 1000) i',
      },
      async (pair, stream) => {
        await carry(pair, stream, {
          before: "insert into t values (2001, 'before')",
          during: "insert into t values (2002, 'held'); delete from t where id = 1",
          after: "update t set v = 'changed' where id % 2 = 0",
        });
        const { status } = await stream.waitFor('the end', ({ stage }) => stage === 'caughtUp');
        expect(status).toMatchObject({ tablesReady: 1, tablesPending: 0, tablesCopying: 0 });
        expect(stream.counters).toMatchObject({ inserts: 1, deletes: 1, updates: 501 });
      },
    );
  });

  it('T13: empties tables that were truncated before, during and after their copy', async () => {
    await withStream(
      {
        sql: 'create table a (id int not null); create table b (id int not null, a int); create table c (id int not null)',
        rows: `alter table a add primary key (id); alter table b add primary key (id);
          alter table c add primary key (id); alter table b add foreign key (a) references a;
          insert into a select generate_series(1, 100); insert into b select i, i from generate_series(1, 100) i;
          insert into c select generate_series(1, 50)`,
      },
      async (pair, stream) => {
        await carry(pair, stream, {
          before: 'truncate a cascade; insert into a select generate_series(1, 7)',
          // Not of a table whose lock the copy holds.
          after: `insert into b values (1, 1); truncate a cascade; insert into a values (3);
            truncate c; insert into c values (8)`,
        });
        expect(stream.counters.truncates).toBe(3);
      },
    );
  });

  it('T13: holds a TRUNCATE that comes between the copy and the indexes', async () => {
    await withStream(
      {
        sql: 'create table t (id int not null)',
        rows: 'alter table t add primary key (id); insert into t select generate_series(1, 100)',
      },
      async (pair, stream) => {
        const batches = await planOnline(pair);
        await copyAllOnline(pair, batches, {
          failPoint: async (name) => {
            if (name !== 'committed') return;
            await pair.from.query(
              'insert into t values (200); truncate t; insert into t values (5)',
            );
          },
        });
        await stream.caughtUp();
        await stream.waitFor('ready', ({ status }) => status.tablesReady === 1);
        expect(await differences(pair)).toEqual([]);
      },
    );
  });

  it('T17, T18: keeps large values that an update, also one of the key, leaves out', async () => {
    await withStream(
      {
        sql: `create table t (id int not null, big text, n int);
          alter table t alter big set storage external`,
        rows: `alter table t add primary key (id);
          insert into t select i, repeat(md5(i::text), 200), 0 from generate_series(1, 20) i`,
      },
      async (pair, stream) => {
        const statements = (n: number) => `update t set n = n + 1 where id < ${n};
          update t set id = id + 1000 where id = ${n}; update t set n = 7 where id = ${n} + 1000;
          update t set big = 'short' where id = ${n + 1}; update t set id = id + 100, n = 9 where id = ${n + 2}`;
        await carry(pair, stream, {
          before: statements(1),
          during: statements(5),
          after: statements(9),
        });
      },
    );
  });

  it('carries swaps of keys, of deferred unique values, and chains of changes to one key', async () => {
    await withStream(
      {
        sql: 'create table t (id int not null, pos int)',
        rows: `alter table t add primary key (id);
          alter table t add constraint t_pos unique (pos) deferrable initially deferred;
          insert into t select i, i from generate_series(1, 20) i`,
      },
      async (pair, stream) => {
        const statements = `begin; update t set pos = 21 - pos; commit;
          begin; update t set id = 999 where id = 1; update t set id = 1 where id = 2;
          update t set id = 2 where id = 999; commit;
          begin; delete from t where id = 5; insert into t values (5, 5 + 500);
          update t set pos = 600 where id = 5; delete from t where id = 5;
          insert into t values (5, 700); commit`;
        await carry(pair, stream, {
          before: statements,
          during: `${statements}; update t set pos = pos + 10000`,
          after: statements.replaceAll('500', '501').replaceAll('700', '701'),
        });
      },
    );
  });

  it('T61: follows rows that move between partitions', async () => {
    await withStream(
      {
        sql: `create table t (id int not null, k int not null, v int) partition by list (k);
          create table t_0 partition of t for values in (0);
          create table t_1 partition of t for values in (1)`,
        rows: `alter table t add primary key (id, k);
          insert into t select i, i % 2, 0 from generate_series(1, 50) i`,
      },
      async (pair, stream) => {
        const statements = (n: number) =>
          `update t set k = 1 - k where id % 5 = ${n}; update t set v = v + 1; truncate t_1;
           insert into t values (100 + ${n}, 1, 0)`;
        await carry(pair, stream, { before: statements(0), after: `${statements(1)}; truncate t` });
      },
    );
  });

  it('T22: changes exactly one of several equal rows of a table without a key', async () => {
    await withStream(
      {
        sql: 'create table t (a int, b text)',
        rows: `alter table t replica identity full;
          insert into t select i % 3, null from generate_series(1, 30) i`,
      },
      async (pair, stream) => {
        const statements = `delete from t where ctid = (select min(ctid) from t where a = 0);
          update t set b = 'x' where ctid = (select min(ctid) from t where a = 1)`;
        await carry(pair, stream, { before: statements, during: statements, after: statements });
      },
    );
  });

  it('reports a table that is not in the plan, and none that was left out of it', async () => {
    const filter = { include: [], exclude: ['public.left_out'] };
    await withStream(
      {
        sql: 'create table t (id int primary key); create table left_out (id int primary key)',
        overrides: { filter },
      },
      async (pair, stream) => {
        const batches = await planOnline(pair, {}, filter);
        await copyAllOnline(pair, batches);
        await pair.from.query('insert into left_out values (1)');
        await pair.from.query('create table unknown (id int primary key)');
        await pair.from.query('insert into unknown values (1)');
        await stream.caughtUp();
        const { status } = await stream.waitFor(
          'the report',
          (report) => report.status.unplannedTables.length > 0,
        );
        expect(status.unplannedTables).toEqual(['public.unknown']);
        expect(status.warnings.join()).toContain('public.unknown');
      },
    );
  });

  it('T67: stops before it writes a row of a table that got another column', async () => {
    await withStream(
      { sql: 'create table t (id int primary key); create table u (id int primary key)' },
      async (pair, stream) => {
        await copyAllOnline(pair, await planOnline(pair));
        await stream.waitFor('ready', ({ status }) => status.tablesReady === 2);
        await pair.from.query('alter table t add v int default 5; insert into t values (1)');
        const failure = await stream.ended;
        expect(failure).toBeInstanceOf(MigrationError);
        expect(failure).toMatchObject({ kind: 'schemaChanged' });
        expect(String(failure)).toContain('public.t');
        // After the same change on the target it goes on.
        await pair.into.query('alter table t add v int default 5');
        await planOnline(pair);
        await using again = startStream(pair);
        await again.caughtUp();
        expect(await differences(pair)).toEqual([]);
      },
    );
  });

  it('T67: finds a dropped column by looking at the catalog', async () => {
    await withStream(
      { sql: 'create table t (id int primary key, v text)' },
      async (pair, stream) => {
        await copyAllOnline(pair, await planOnline(pair));
        await pair.from.query('alter table t drop v');
        const failure = await stream.ended;
        expect(failure).toMatchObject({ kind: 'schemaChanged' });
        expect(String(failure)).toContain('public.t');
      },
    );
  });

  it('T71: drains to a position, never into a transaction, and goes on when told', async () => {
    await withStream({ sql: 'create table t (id int primary key)' }, async (pair, stream) => {
      await copyAllOnline(pair, await planOnline(pair));
      await pair.from.query('insert into t values (1)');
      const position = await canaryPosition(pair);
      await pair.from.query('begin; insert into t values (2); insert into t values (3); commit');
      stream.drainTo = parseLsn(position);
      await stream.waitFor('the drain', ({ stage }) => stage === 'drained');
      await stream.stop();
      // A session that begins again drains to the same position, whatever was applied before.
      expect([1, 3]).toContain((await pair.into.query('select from t')).rowCount);
      await pair.from.query('insert into t values (4)');
      await using again = startStream(pair);
      again.drainTo = parseLsn(await canaryPosition(pair));
      await pair.from.query('insert into t values (5)');
      await again.waitFor('the drain', ({ stage }) => stage === 'drained');
      expect((await pair.into.query('select from t')).rowCount).toBe(4);
      again.drainTo = undefined;
      await again.caughtUp();
      expect(await differences(pair)).toEqual([]);
    });
  });

  it('T77: is compared at one position of both sides, and not with what was written since', async () => {
    const options = {
      sql: 'create table t (id int primary key, v int); create table u (v int)',
      rows: 'alter table u replica identity full; insert into t select i, 0 from generate_series(1, 500) i',
    };
    await withStream(options, async (pair, stream) => {
      await copyAllOnline(pair, await planOnline(pair));
      await pair.from.query('update t set v = 1; insert into u values (1), (1)');
      stream.drainTo = parseLsn(await canaryPosition(pair));
      const holder = await source.connect(pair.source.database);
      await holder.query('begin isolation level repeatable read');
      const { rows } = await holder.query<{ id: string }>('select pg_export_snapshot() as id');
      // The applications write on: the target is behind, and right.
      await pair.from.query('update t set v = 2; delete from u');
      await stream.waitFor('the drain', ({ stage }) => stage === 'drained');
      const compare = async () => {
        const found = await verifyContent({
          source: pair.source,
          target: pair.target,
          mode: 'hash',
          exclude: ['pgmove.*'],
          sourceSnapshot: rows[0]?.id ?? '',
        });
        return found.differences.map(({ table }) => table);
      };
      expect(await compare()).toEqual([]);
      await pair.into.query('update t set v = 7 where id = 250');
      expect(await compare()).toEqual(['public.t']);
      await pair.into.query('update t set v = 1 where id = 250');
      await holder.end();
      expect((await differences(pair)).map(({ table }) => table)).toEqual(['public.t', 'public.u']);
      stream.drainTo = undefined;
      await stream.caughtUp();
      expect(await differences(pair)).toEqual([]);
    });
  });

  it('T4: notes with held changes up to where values were read back from the source', async () => {
    let pairOf: () => OnlinePair | undefined = () => undefined;
    let isChanged = false;
    let noted: string | null | undefined;
    await withStream(
      {
        sql: 'create table t (id int not null, n float8)',
        rows: 'alter table t add primary key (id); insert into t values (1, 1)',
        failPoint: async (name) => {
          const pair = pairOf();
          if (pair === undefined) return;
          if (name === 'betweenGroups' && !isChanged) {
            const { rowCount } = await pair.into.query(
              "select from pgmove.copies where state = 'indexed'",
            );
            isChanged = rowCount === 1;
            // The stream has not brought it yet when the NaN before it is looked up.
            if (isChanged) await pair.from.query('update t set n = 5');
          }
          if (name !== 'afterReady') return;
          const { rows } = await pair.into.query<{ lsn: string | null }>(
            'select read_back_lsn::text as lsn from pgmove.progress',
          );
          noted = rows[0]?.lsn;
        },
      },
      async (pair, stream) => {
        pairOf = () => pair;
        await carry(pair, stream, { during: "update t set n = 'NaN'" });
        expect(noted).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
      },
    );
  });

  it('T56: moves its slot when only other databases are written to', async () => {
    await withStream({ sql: 'create table t (id int primary key)' }, async (pair, stream) => {
      await planOnline(pair);
      const confirmed = async () => {
        const { rows } = await pair.from.query<{ lsn: string }>(
          'select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = $1',
          [pair.slot],
        );
        return parseLsn(rows[0]?.lsn ?? '0/0');
      };
      await source.run(
        'create table if not exists elsewhere (id int); insert into elsewhere values (1)',
      );
      const position = parseLsn(await canaryPosition(pair));
      await waitUntil('the slot to move', async () => (await confirmed()) >= position);
      expect(stream.errors).toEqual([]);
    });
  });

  it('begins anew with another slot: everything is copied again, and no older stream writes', async () => {
    await withStream(
      {
        sql: 'create table t (id int not null)',
        rows: 'alter table t add primary key (id); insert into t select generate_series(1, 10)',
      },
      async (pair, stream) => {
        const batches = await planOnline(pair);
        await copyAllOnline(pair, batches);
        await stream.waitFor('ready', ({ status }) => status.tablesReady === 1);
        await stream.stop();
        await pair.from.query('insert into t values (11)');
        await beginStream(pair);
        await using again = startStream(pair);
        await copyAllOnline(pair, await planOnline(pair));
        await pair.from.query('insert into t values (12)');
        await again.caughtUp();
        expect(await differences(pair)).toEqual([]);
      },
    );
  });
});
