import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { startChildStream } from '../replicator/support/childStream.ts';
import type { ChildReport } from '../replicator/support/childStream.ts';
import { copyAllOnline } from '../replicator/support/copyTables.ts';
import {
  beginStream,
  canaryPosition,
  differences,
  makeOnlinePair,
  planOnline,
} from '../replicator/support/onlinePair.ts';
import type { OnlinePair } from '../replicator/support/onlinePair.ts';
import { waitUntil } from '../replicator/support/waitUntil.ts';

const MEBIBYTE = 1024 * 1024;

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  const settings = { max_wal_size: '4GB', full_page_writes: 'off' };
  [source, target] = await Promise.all([
    startTestCluster({ settings }),
    startTestCluster({ settings }),
  ]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

/** The memory of a process that streams what `write` does. */
async function measure(
  pair: OnlinePair,
  write: () => Promise<unknown>,
  options: { isHeld?: boolean } = {},
): Promise<ChildReport> {
  const child = startChildStream(pair);
  const copy = async () => copyAllOnline(pair, await planOnline(pair));
  let written: Promise<unknown> | undefined;
  if (options.isHeld === true) {
    // All of it comes between the copy's snapshot and the table's indexes.
    await copyAllOnline(pair, await planOnline(pair), {
      failPoint: async (name) => {
        if (name !== 'committed') return;
        written ??= write();
        await written;
      },
    });
  } else {
    await copy();
    await write();
  }
  const position = parseLsn(await canaryPosition(pair));
  const report = await waitUntil(
    'the end of the stream',
    () => {
      const { report: last } = child;
      return last !== undefined && parseLsn(last.status.appliedLsn) >= position && last;
    },
    1_200_000,
  );
  await waitUntil('ready', () => child.report?.status.tablesCopying === 0, 600_000);
  const last = child.report ?? report;
  child.kill('SIGTERM');
  await child.ended;
  return last;
}

describe('the memory of a stream', () => {
  it('T66: stays below 300 MB with a transaction of 2 GB', async () => {
    const pair = await makeOnlinePair(source, target, {
      sql: 'create table t (id int not null, v text)',
      rows: 'alter table t add primary key (id)',
    });
    await beginStream(pair);
    const { maxRss } = await measure(pair, () =>
      pair.from.query(
        `insert into t select i, repeat(md5(i::text), 32) from generate_series(1, 2000000) i`,
      ),
    );
    console.log(`most memory: ${Math.round(maxRss / MEBIBYTE)} MiB`);
    expect(maxRss).toBeLessThan(300 * MEBIBYTE);
    const { rows } = await pair.into.query('select count(*)::int as n, sum(id) from t');
    expect(rows).toEqual((await pair.from.query('select count(*)::int as n, sum(id) from t')).rows);
    await pair.close();
  });

  it('T66: stays below 300 MB with 2 GB of changes that are held during a copy', async () => {
    const pair = await makeOnlinePair(source, target, {
      sql: 'create table t (id int not null, v text)',
      rows: 'alter table t add primary key (id)',
    });
    await beginStream(pair);
    const { maxRss } = await measure(
      pair,
      () =>
        pair.from.query(
          `insert into t select i, repeat(md5(i::text), 32) from generate_series(1, 2000000) i`,
        ),
      { isHeld: true },
    );
    console.log(`most memory: ${Math.round(maxRss / MEBIBYTE)} MiB`);
    expect(maxRss).toBeLessThan(300 * MEBIBYTE);
    const { rows } = await pair.into.query('select count(*)::int as n, sum(id) from t');
    expect(rows).toEqual((await pair.from.query('select count(*)::int as n, sum(id) from t')).rows);
    await pair.close();
  });

  for (const [kind, value, isHeld] of [
    ['text', 'repeat(md5(i::text), 3200000)', false],
    ['text', 'repeat(md5(i::text), 3200000)', true],
    ['bytea', "decode(repeat(md5(i::text), 3200000), 'hex')", false],
  ] as const) {
    it(`is some times a row, and does not grow with their number: ${kind} of 100 MB${isHeld ? ', held' : ''}`, async () => {
      const pair = await makeOnlinePair(source, target, {
        sql: `create table t (id int not null, v ${kind}, n int)`,
        rows: 'alter table t add primary key (id)',
      });
      await beginStream(pair);
      const { maxRss } = await measure(
        pair,
        async () => {
          await pair.from.query(`insert into t select i, ${value}, 0 from generate_series(1, 6) i`);
          await pair.from.query(`update t set v = ${value.replace('i::text', "'u'")} where id < 3`);
          await pair.from.query('update t set n = 1; update t set id = id + 10');
        },
        { isHeld },
      );
      console.log(`most memory with ${kind}: ${Math.round(maxRss / MEBIBYTE)} MiB`);
      expect(maxRss).toBeLessThan((isHeld ? 1200 : 800) * MEBIBYTE);
      expect(await differences(pair)).toEqual([]);
      await pair.close();
    });
  }
});
