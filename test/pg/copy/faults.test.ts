import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { CopyBatch } from '../../../shared/pg/copy/batch.ts';
import { copyBatch } from '../../../shared/pg/copy/copyBatch.ts';
import { holdSnapshot } from '../../../shared/pg/copy/snapshot.ts';
import type { HeldSnapshot } from '../../../shared/pg/copy/snapshot.ts';
import {
  batchOptions,
  digestOf,
  everything,
  makePair,
  planPair,
  startTestCluster,
  withSnapshot,
} from './copyPair.ts';
import type { CopyPair } from './copyPair.ts';
import { startCuttingProxy } from './cuttingProxy.ts';
import { turnOnTls } from './tlsServer.ts';

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  [from, into] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

const sql = 'create table big (id int, x text); create table small (id int)';
const rows = `insert into big select i, repeat('x', i % 100) from generate_series(1, 100000) i;
              insert into small values (1), (2)`;

/** Runs every batch, again after each failure, until all are done. */
async function copyUntilDone(
  pair: CopyPair,
  batches: readonly CopyBatch[],
  held: HeldSnapshot,
): Promise<void> {
  for (const batch of batches) {
    const outcomes = await copyBatch(batchOptions(pair, batch, held.snapshot));
    expect(outcomes.filter(({ state }) => state === 'failed')).toEqual([]);
  }
}

async function expectEqual(pair: CopyPair): Promise<void> {
  for (const table of ['big', 'small']) {
    expect(await digestOf(pair.into, table)).toBe(await digestOf(pair.from, table));
  }
}

test.each(['whole', 'parts'] as const)(
  'a connection cut in the middle of COPY: an error, and the next run makes it equal (%s)',
  async (kind) => {
    const pair = await makePair(from, into, { sql, rows });
    const options = kind === 'parts' ? { splitThresholdBytes: 100_000, jobs: 2 } : {};
    const { batches } = await planPair(pair, options);
    expect(batches.some((batch) => batch.kind === 'part')).toBe(kind === 'parts');
    await withSnapshot(pair.source, async (held) => {
      for (const [side, cluster] of [
        ['source', from],
        ['target', into],
      ] as const) {
        await using proxy = await startCuttingProxy(cluster.port);
        // Behind the answers to the first queries; on the source in the middle of the rows.
        proxy.cutAfterBytes = side === 'source' ? 300_000 : 1000;
        const cut = { ...pair, [side]: { ...pair[side], port: proxy.port } };
        const results = await Promise.allSettled(
          batches.map((batch) => copyBatch(batchOptions(cut, batch, held.snapshot))),
        );
        expect(proxy.cutCount).toBeGreaterThan(0);
        const failures = results.flatMap((r) => (r.status === 'rejected' ? [r.reason] : []));
        expect(failures.map(({ kind: each }) => each)).toContain('connectionFailed');
      }
      await copyUntilDone(pair, batches, held);
    });
    await expectEqual(pair);
    await pair.close();
  },
);

test('backends killed in the middle, again and again: the last run makes it equal', async () => {
  const pair = await makePair(from, into, { sql, rows });
  const { batches } = await planPair(pair, { splitThresholdBytes: 1_000_000, jobs: 2 });
  const kill = `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'pgmove/test/copy' and datname = current_database()`;
  await withSnapshot(pair.source, async (held) => {
    for (let round = 0; round < 12; round++) {
      const client = round % 2 === 0 ? pair.from : pair.into;
      const copies = batches.map((batch) => copyBatch(batchOptions(pair, batch, held.snapshot)));
      const settled = Promise.allSettled(copies);
      for (let shot = 0; shot <= round; shot++) await client.query(kill);
      for (const result of await settled) {
        if (result.status === 'rejected') expect(result.reason.kind).toBe('connectionFailed');
        else expect(result.value.every(({ state }) => state === 'done')).toBe(true);
      }
    }
    await copyUntilDone(pair, batches, held);
  });
  await expectEqual(pair);
  await pair.close();
});

test('T38: a snapshot that is gone is told as such', async () => {
  const pair = await makePair(from, into, { sql, rows });
  const { batches } = await planPair(pair);
  const held = await holdSnapshot(pair.source, {
    filter: everything,
    applicationName: 'pgmove/test/snapshot',
    signal: new AbortController().signal,
  });
  await pair.from.query('select pg_terminate_backend($1)', [held.backendPid]);
  expect(await held.lost).toMatch(/terminat/);
  await expect(copyBatch(batchOptions(pair, batches[0]!, held.snapshot))).rejects.toMatchObject({
    kind: 'snapshotLost',
  });
  for (const odd of ['', 'no such', "00000003-00000001-1'; drop table big; --"]) {
    await expect(copyBatch(batchOptions(pair, batches[0]!, odd))).rejects.toMatchObject({
      kind: 'snapshotLost',
    });
  }
  await held.release();
  await pair.close();
});

test('T38: a snapshot of another database is refused', async () => {
  const pair = await makePair(from, into, { sql, rows });
  const other = await makePair(from, into);
  const { batches } = await planPair(pair);
  await withSnapshot(other.source, async ({ snapshot }) => {
    await expect(copyBatch(batchOptions(pair, batches[0]!, snapshot))).rejects.toMatchObject({
      kind: 'snapshotLost',
    });
  });
  await Promise.all([pair.close(), other.close()]);
});

test('the signal ends a copy, also one that waits for a fence', async () => {
  const pair = await makePair(from, into, { sql, rows });
  const { batches } = await planPair(pair);
  await withSnapshot(pair.source, async ({ snapshot }) => {
    for (const batch of batches) await copyBatch(batchOptions(pair, batch, snapshot));
    await pair.into.query('begin; select from pgmove.copies for update');
    const abort = new AbortController();
    const waiting = copyBatch(batchOptions(pair, batches[0]!, snapshot, { signal: abort.signal }));
    const isWaiting = async () =>
      (
        await pair.from.query(
          "select from pg_stat_activity where application_name = 'pgmove/test/copy'",
        )
      ).rowCount! > 0;
    while (!(await isWaiting()));
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });
    await pair.into.query('rollback');
  });
  await expectEqual(pair);
  await pair.close();
});

test('a full disk of the target fails the table with what to do, and a later run makes it equal', async () => {
  const pair = await makePair(from, into, { sql, rows });
  const { batches } = await planPair(pair);
  // Stands for the disk: the same SQLSTATE from a check that the copy runs into.
  await pair.into.query(`
    create function full_disk(i int) returns bool language plpgsql as
      $$begin raise exception 'could not extend file' using errcode = '53100'; end$$;
    alter table big add constraint full_disk check (full_disk(id))`);
  await withSnapshot(pair.source, async (held) => {
    const outcomes = await Promise.all(
      batches.map((batch) => copyBatch(batchOptions(pair, batch, held.snapshot))),
    );
    const failed = outcomes.flat().filter(({ state }) => state === 'failed');
    expect(failed).toMatchObject([{ name: 'big', kind: 'resourceExhausted', code: '53100' }]);
    expect(JSON.stringify(failed)).toContain('free some space');
    await pair.into.query('alter table big drop constraint full_disk');
    await copyUntilDone(pair, batches, held);
  });
  await expectEqual(pair);
  await pair.close();
});

test('a source or target that crashes in the middle: after its restart the copy goes on', async () => {
  const pair = await makePair(from, into, { sql, rows });
  const { batches } = await planPair(pair);
  await withSnapshot(pair.source, async (held) => {
    const copies = Promise.allSettled(
      batches.map((batch) => copyBatch(batchOptions(pair, batch, held.snapshot))),
    );
    await into.crash();
    for (const result of await copies) {
      if (result.status === 'rejected') expect(result.reason.kind).toBe('connectionFailed');
    }
    await into.start();
    await copyUntilDone(pair, batches, held);
    await from.crash();
    expect(await held.lost).not.toBe('');
    await expect(copyBatch(batchOptions(pair, batches[0]!, held.snapshot))).rejects.toMatchObject({
      kind: 'connectionFailed',
    });
    await from.start();
    await expect(copyBatch(batchOptions(pair, batches[0]!, held.snapshot))).rejects.toMatchObject({
      kind: 'snapshotLost',
    });
  });
  const again = { ...pair, from: await from.connect(pair.source.database) };
  again.into = await into.connect(pair.target.database);
  await withSnapshot(pair.source, async ({ snapshot }) => {
    for (const batch of batches) {
      await copyBatch(batchOptions(pair, batch, snapshot, { generation: 2 }));
    }
  });
  await expectEqual(again);
  await Promise.all([again.from.end(), again.into.end(), pair.close()]);
});

test('TLS on both sides carries a copy, a cut in its middle and the copy that makes it good', async () => {
  await Promise.all([turnOnTls(from), turnOnTls(into)]);
  const plain = await makePair(from, into, { sql, rows });
  const tls = { mode: 'require' } as const;
  const pair = {
    ...plain,
    source: { ...plain.source, tls },
    target: { ...plain.target, tls },
  };
  const { batches } = await planPair(pair);
  await withSnapshot(pair.source, async (held) => {
    await using proxy = await startCuttingProxy(from.port);
    proxy.cutAfterBytes = 1_000_000;
    const cut = { ...pair, source: { ...pair.source, port: proxy.port } };
    await expect(copyBatch(batchOptions(cut, batches[0]!, held.snapshot))).rejects.toMatchObject({
      kind: 'connectionFailed',
    });
    await copyUntilDone(pair, batches, held);
  });
  await expectEqual(pair);
  await pair.close();
});
