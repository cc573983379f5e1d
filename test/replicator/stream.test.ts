import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { copyAllOnline } from './support/copyTables.ts';
import { beginStream, differences, makeOnlinePair, planOnline } from './support/onlinePair.ts';
import { startStream } from './support/streamLoop.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

describe('a stream', () => {
  it('carries what happens before, during and after the copy of a table', async () => {
    const pair = await makeOnlinePair(source, target, {
      sql: 'create table t (id int not null, v text)',
      rows: 'alter table t add primary key (id); insert into t select i, i::text from generate_series(1, 1000) i',
    });
    await beginStream(pair);
    await pair.from.query("insert into t values (2001, 'before')");
    await using stream = startStream(pair);
    const batches = await planOnline(pair);
    await copyAllOnline(pair, batches, {
      failPoint: async (name) => {
        if (name !== 'snapshot') return;
        await pair.from.query("insert into t values (2002, 'held'); delete from t where id = 1");
      },
    });
    await pair.from.query("update t set v = 'changed' where id % 2 = 0");
    await stream.caughtUp();
    const { status } = await stream.waitFor('ready', ({ stage }) => stage === 'caughtUp');
    expect(status).toMatchObject({ tablesReady: 1, tablesPending: 0, tablesCopying: 0 });
    expect(await differences(pair)).toEqual([]);
    expect(stream.errors).toEqual([]);
    await stream.stop();
    await pair.close();
  });
});
