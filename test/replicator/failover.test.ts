import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { readProgress } from '../../shared/wal/progress.ts';
import { startCuttingProxy } from '../pg/copy/cuttingProxy.ts';
import { startTestCluster, withSession } from '../pg/copy/copyPair.ts';
import { copyAllOnline } from './support/copyTables.ts';
import {
  beginStream,
  canaryPosition,
  differences,
  makeOnlinePair,
  planOnline,
} from './support/onlinePair.ts';
import { startStandby } from './support/standby.ts';
import { startStream } from './support/streamLoop.ts';
import { waitUntil } from './support/waitUntil.ts';

let primary: ThrowawayCluster;
let standby: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [primary, target] = await Promise.all([startTestCluster(), startTestCluster()]);
  standby = await startStandby(primary);
});

afterAll(async () => {
  await Promise.all([primary?.stop(), standby?.stop(), target?.stop()]);
});

describe('T59: a source that fails over behind its address', () => {
  it('is not read while it is a standby, nor after the promotion of one that is behind', async () => {
    const pair = await makeOnlinePair(primary, target, {
      sql: 'create table t (id int primary key, v text)',
      rows: "insert into t select i, 'v' from generate_series(1, 100) i",
    });
    await beginStream(pair);
    await using proxy = await startCuttingProxy(primary.port);
    const overrides = { source: { ...pair.source, port: proxy.port } };
    await using stream = startStream(pair, { overrides, restartMs: 50 });
    await copyAllOnline(pair, await planOnline(pair));
    await stream.caughtUp();

    // A standby has neither the slot nor the last word; the address may lead back.
    const position = await canaryPosition(pair);
    await waitUntil('the standby to follow', async () => {
      const client = await standby.connect();
      const { rows } = await client.query<{ lsn: string }>(
        'select pg_last_wal_replay_lsn()::text as lsn',
      );
      await client.end();
      return parseLsn(rows[0]?.lsn ?? '0/0') >= parseLsn(position);
    });
    proxy.serverPort = standby.port;
    proxy.cut();
    const isStandby = (error: unknown) => /is a standby now/.test(String(error));
    await waitUntil('a look at the standby', () => stream.errors.some(isStandby));
    await pair.from.query("insert into t values (101, 'behind')");
    proxy.serverPort = primary.port;
    await stream.caughtUp();
    expect(stream.failure).toBeUndefined();
    expect(await differences(pair)).toEqual([]);

    // The standby never gets what the target has already.
    await standby.halt();
    await pair.from.query("insert into t values (102, 'lost'); delete from t where id = 1");
    await stream.caughtUp();
    await stream.stop();
    const before = await withSession(pair.target, readProgress);
    await primary.crash();
    await standby.start();
    await standby.run('select pg_promote()');
    const { database } = pair.source;
    // One that looks the same, and much that was written since.
    await standby.run(
      `select pg_create_logical_replication_slot('${pair.slot}', 'wal2json')`,
      database,
    );
    await standby.run(
      `insert into t values (103, 'of the new primary');
       select pg_logical_emit_message(false, 'x', repeat('x', 20000000))`,
      database,
    );
    proxy.serverPort = standby.port;
    await using after = startStream(pair, { overrides });
    const failure = await after.ended;
    expect(failure).toMatchObject({ kind: 'slotLost' });
    expect(String(failure)).toMatch(/timeline 2/);
    const { lsn, epoch } = await withSession(pair.target, readProgress);
    expect([lsn, epoch]).toEqual([before.lsn, before.epoch]);
    const { rows } = await pair.into.query<{ id: number }>('select id from t where id > 101');
    expect(rows).toEqual([{ id: 102 }]);
    await Promise.all([pair.from.end(), pair.into.end()]).catch(() => undefined);
  });
});
