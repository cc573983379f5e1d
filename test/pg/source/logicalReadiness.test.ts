import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { alterSystemSql } from '../../../shared/pg/source/alterSystem.ts';
import {
  checkLogicalReadiness,
  parseLibraries,
} from '../../../shared/pg/source/logicalReadiness.ts';
import { setupLogicalReplication } from '../../../shared/pg/source/logicalSetup.ts';
import { startTestCluster } from '../copy/copyPair.ts';
import { openSession } from './sourceCluster.ts';

let ready: ThrowawayCluster;
let unready: ThrowawayCluster;

beforeAll(async () => {
  ready = await startTestCluster({ settings: { max_prepared_transactions: '5' } });
  unready = await startTestCluster({
    settings: { wal_level: 'replica', max_replication_slots: '1', max_wal_senders: '1' },
  });
  for (const cluster of [ready, unready]) {
    await cluster.run('create role plain login; create role repl login replication');
  }
});

afterAll(async () => {
  await Promise.all([ready.stop(), unready.stop()]);
});

test('a ready source has no findings, and the probe leaves no slot', async () => {
  await using session = await openSession(ready, 'postgres', 'repl');
  expect(await checkLogicalReadiness(session, { databaseCount: 3 })).toEqual([]);
  const slots = await session.query('select from pg_replication_slots');
  expect(slots.rowCount).toBe(0);
});

test('a user without REPLICATION is told, and can only be helped by others', async () => {
  await using session = await openSession(ready, 'postgres', 'plain');
  const findings = await checkLogicalReadiness(session, { databaseCount: 1 });
  expect(findings).toMatchObject([{ code: '603104', state: 'Failed' }]);
  const report = await setupLogicalReplication(session, findings);
  expect(report.changed).toEqual([]);
  expect(report.refused).toHaveLength(1);
});

test('wal_level, slots and senders: written with the right, in force after a restart', async () => {
  await using plain = await openSession(unready, 'postgres', 'repl');
  const seen = await checkLogicalReadiness(plain, { databaseCount: 3 });
  expect(seen.map(({ code, fixable }) => [code, fixable])).toEqual([
    ['603107', 'byOperator'],
    ['603105', 'byOperator'],
    ['603106', 'byOperator'],
  ]);
  {
    await using session = await openSession(unready, 'postgres');
    const findings = await checkLogicalReadiness(session, { databaseCount: 3 });
    expect(findings.map(({ fixable }) => fixable)).toEqual(['restart', 'restart', 'restart']);
    const report = await setupLogicalReplication(session, findings);
    expect(report).toMatchObject({ refused: [] });
    expect(report.changed).toHaveLength(3);
    const pending = await checkLogicalReadiness(session, { databaseCount: 3 });
    expect(pending.map(({ isPendingRestart }) => isPendingRestart)).toEqual([true, true, true]);
    expect((await setupLogicalReplication(session, pending)).changed).toEqual([]);
  }
  await unready.halt();
  await unready.start();
  await using session = await openSession(unready, 'postgres');
  expect(await checkLogicalReadiness(session, { databaseCount: 3 })).toEqual([]);
});

test('own slots count as there; too few for others are an error', async () => {
  await using session = await openSession(ready, 'postgres');
  const slot = 'pgmove_mine';
  await session.query("select pg_create_logical_replication_slot($1, 'wal2json')", [slot]);
  const check = async (databaseCount: number, ownSlots: string[]) =>
    (await checkLogicalReadiness(session, { databaseCount, ownSlots })).map(({ code }) => code);
  expect(await check(20, [slot])).toEqual([]);
  expect(await check(20, [])).toEqual(['603105']);
  await session.query('select pg_drop_replication_slot($1)', [slot]);
});

test('T40: transactions that a slot would wait for are named, and the probe does not wait', async () => {
  const client = await ready.connect();
  await client.query('create table waits (a int); begin; insert into waits values (1)');
  await client.query("prepare transaction 'left over'");
  await using session = await openSession(ready, 'postgres', 'repl');
  const findings = await checkLogicalReadiness(session, { databaseCount: 1 });
  expect(findings.map(({ state }) => state)).toEqual(['Warning', 'Warning']);
  expect(findings[0]?.message).toMatch(/not checked/);
  expect(findings[1]?.message).toMatch(/'left over' in postgres/);
  await client.query("rollback prepared 'left over'");
  await client.end();
});

test('limits that may cost the slot are warnings', async () => {
  await ready.run("alter system set max_slot_wal_keep_size = '1GB'");
  await ready.run('select pg_reload_conf()');
  await using session = await openSession(ready, 'postgres');
  await expect
    .poll(async () => (await session.query('show max_slot_wal_keep_size')).rows)
    .toEqual([{ max_slot_wal_keep_size: '1GB' }]);
  const findings = await checkLogicalReadiness(session, { databaseCount: 1 });
  expect(findings).toMatchObject([{ state: 'Warning' }]);
  expect(findings[0]?.message).toMatch(/max_slot_wal_keep_size of the source is 1GB/);
});

test('a plugin that is not installed is found by the probe, on old and new versions', async () => {
  for (const major of [10, 18] as const) {
    await using cluster = await startTestCluster({ binaries: await embeddedBinaries(major) });
    await using session = await openSession(cluster, 'postgres');
    const findings = await checkLogicalReadiness(session, { databaseCount: 1 });
    expect(findings).toMatchObject([{ state: 'Failed', fixable: 'no' }]);
    expect(findings[0]?.message).toMatch(/wal2json is not installed/);
  }
});

test('T1: the list of output plugins is read and written element by element', async () => {
  expect(parseLibraries('pgoutput, test_decoding')).toEqual(['pgoutput', 'test_decoding']);
  expect(parseLibraries('"pgoutput", wal2json')).toEqual(['pgoutput', 'wal2json']);
  const wanted = ['pgoutput', 'test_decoding', 'wal2json'];
  expect(alterSystemSql({ name: 'output_plugin_libraries', wanted })).toBe(
    'alter system set output_plugin_libraries = pgoutput, test_decoding, wal2json',
  );
  // A setting of the same kind that every version has shows what the server makes of it.
  await using session = await openSession(ready, 'postgres');
  await session.query(
    alterSystemSql({ name: 'session_preload_libraries', wanted: ['a b', 'plpgsql'] }),
  );
  const { rows } = await session.query<{ setting: string }>(
    "select setting from pg_file_settings where name = 'session_preload_libraries'",
  );
  expect(parseLibraries(rows[0]?.setting ?? '')).toEqual(['a b', 'plpgsql']);
  await session.query('alter system reset session_preload_libraries');
});

test('a standby is refused as a source', async () => {
  await using cluster = await startTestCluster();
  await cluster.halt();
  await writeFile(path.join(cluster.dataFolder, 'standby.signal'), '');
  await cluster.start();
  await using session = await openSession(cluster, 'postgres');
  expect(await checkLogicalReadiness(session, { databaseCount: 1 })).toMatchObject([
    { state: 'Failed', fixable: 'no', message: expect.stringMatching(/standby/) as string },
  ]);
});
