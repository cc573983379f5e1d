import { orderOfRound } from '../measure.ts';
import { judge } from '../offline/outcomes.ts';
import { PGMOVE_NAME } from '../offline/pgmove.ts';
import type { Goal } from '../offline/benchCase.ts';
import { DATABASE, withClient } from '../offline/servers.ts';
import { scaled } from '../offline/benchCase.ts';
import { watchUsage } from '../processUsage.ts';
import type { ContenderResult } from '../results.ts';
import { NATIVE_NAME, openNative } from './native.ts';
import type { Follower, OnlineCase, OnlineSite } from './onlineCase.ts';
import { openPgmove } from './pgmove.ts';
import { startOnlineStack } from './stack.ts';
import { checkEqual, createTables, markerArrives, runTransactions, writeMarker } from './work.ts';

/** A million accounts at scale 1. */
const PGBENCH_SCALE = 10;
const TRANSACTIONS = 100_000;
const LARGE_ROWS = 1_000_000;

const GOALS: readonly Goal[] = [
  { kind: 'ratio', against: NATIVE_NAME, limit: 1, goal: 0.7 },
  { kind: 'memory', limit: 300 },
];

export const manyTransactions: OnlineCase = {
  key: 'a',
  title: (scale) => `backlog of ${count(scaled(TRANSACTIONS, scale))} transactions (pgbench -N)`,
  run: (site) => runDrain(site, () => runTransactions(site, scaled(TRANSACTIONS, site.scale))),
};

export const oneTransaction: OnlineCase = {
  key: 'b',
  title: (scale) => `backlog of one transaction of ${count(scaled(LARGE_ROWS, scale))} rows`,
  run: (site) => runDrain(site, (round) => writeLargeTransaction(site, round)),
};

/** Half new rows, half changed ones. */
async function writeLargeTransaction(site: OnlineSite, round: number): Promise<void> {
  const half = Math.ceil(scaled(LARGE_ROWS, site.scale) / 2);
  const from = round * half;
  await withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    await client.query('begin');
    await client.query(
      `insert into bench_large
       select g, g * 7919::bigint % 1000003 / 100.0, 'label ' || md5(g::text)
       from generate_series($1::int + 1, $1::int + $2::int) g`,
      [from, half],
    );
    await client.query('update pgbench_accounts set abalance = abalance + 1 where aid <= $1', [
      half,
    ]);
    await client.query('commit');
  });
}

/** All contenders work off the same backlogs, one after the other. */
async function runDrain(site: OnlineSite, makeBacklog: (round: number) => Promise<void>) {
  const pgbenchScale = Math.max(1, Math.round(PGBENCH_SCALE * site.scale));
  await createTables(site, site.servers.source, DATABASE, pgbenchScale);
  await using stack = site.isBaselinesOnly ? undefined : await startOnlineStack(site.folder);
  const contenders: Contender[] = [];
  const open = async (name: string, start: () => Promise<Follower>): Promise<void> => {
    const contender: Contender = { result: { name, seconds: [] } };
    contenders.push(contender);
    await attempt(site, contender.result, async () => {
      contender.follower = await start();
      await contender.follower.hold();
    });
  };
  try {
    if (stack !== undefined) {
      site.say('starting the online migration');
      await open(PGMOVE_NAME, () => openPgmove(site, stack, 'bench_pgmove'));
    }
    if (!site.isPgmoveOnly) {
      site.say(`starting ${NATIVE_NAME}`);
      await open(NATIVE_NAME, () => openNative(site, pgbenchScale));
    }
    // What has just been started is slow, V8 above all: a first round does not count.
    for (let round = 0; round <= site.runs; round += 1) {
      const which = round === 0 ? 'to warm up' : `run ${round} of ${site.runs}`;
      site.say(`${which}: making the backlog`);
      await makeBacklog(round);
      await writeMarker(site, round + 1);
      for (const { result, follower } of orderOfRound(contenders, round)) {
        if (follower === undefined || result.failure !== undefined) continue;
        await attempt(site, result, () => drainOnce(site, follower, round, result));
      }
    }
  } finally {
    // Servers and services end only what runs.
    for (const { follower } of contenders) follower?.release();
  }
  const results = contenders.map(({ result }) => result);
  return { contenders: results, outcomes: judge(GOALS, results) };
}

interface Contender {
  result: ContenderResult;
  follower?: Follower;
}

async function drainOnce(
  site: OnlineSite,
  follower: Follower,
  round: number,
  result: ContenderResult,
): Promise<void> {
  const { source, target } = site.servers;
  // Else autovacuum would come in the middle of whoever is at work after a minute.
  await Promise.all([
    source.run('vacuum (analyze)', DATABASE),
    target.run('vacuum (analyze)', follower.database),
  ]);
  await Promise.all([source.run('checkpoint'), target.run('checkpoint')]);
  const pid = follower.pid();
  const watch = pid === undefined ? undefined : await watchUsage({ replicator: pid });
  const startedAt = performance.now();
  follower.release();
  try {
    await markerArrives(site, follower, round + 1);
    const seconds = (performance.now() - startedAt) / 1_000;
    const usage = (await watch?.stop())?.['replicator'];
    await checkEqual(site, follower);
    if (round > 0) result.seconds.push(Number(seconds.toFixed(3)));
    if (usage !== undefined) {
      const peak = Math.max(result.peakMegabytes?.['replicator'] ?? 0, usage.peakMegabytes);
      result.peakMegabytes = { replicator: Math.round(peak) };
    }
    const processor =
      usage === undefined
        ? ''
        : ` (${usage.cpuSeconds.toFixed(1)} s of the replicator's processor)`;
    site.say(`${follower.name}: ${seconds.toFixed(2)} s${processor}`);
  } finally {
    await watch?.stop();
    await follower.hold();
  }
}

/** A contender that fails has no result, and the others go on. */
async function attempt(
  site: OnlineSite,
  result: ContenderResult,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    site.signal.throwIfAborted();
    result.seconds = [];
    result.failure = error instanceof Error ? error.message : String(error);
    site.say(`${result.name} failed: ${result.failure}`);
  }
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
