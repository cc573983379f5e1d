import { setTimeout as pause } from 'node:timers/promises';
import { judge } from '../offline/outcomes.ts';
import { PGMOVE_NAME } from '../offline/pgmove.ts';
import type { Goal } from '../offline/benchCase.ts';
import { DATABASE, withClient } from '../offline/servers.ts';
import type { ContenderResult } from '../results.ts';
import { NATIVE_NAME, openNative } from './native.ts';
import type { Follower, OnlineCase, OnlineSite } from './onlineCase.ts';
import { openPgmove } from './pgmove.ts';
import { startOnlineStack } from './stack.ts';
import { createTables, markerArrives, runAtRate, until, writeMarker } from './work.ts';

const PGBENCH_SCALE = 10;
const RATE = 2_000;
const SECONDS = 60;
const PROBE_EVERY_MS = 50;
const LOOK_EVERY_MS = 5;

const GOALS: readonly Goal[] = [{ kind: 'seconds', what: '99th percentile', limit: 1 }];

export const steadyState: OnlineCase = {
  key: 'c',
  title: (scale) =>
    `latency at ${RATE.toLocaleString('en-US')} transactions/s for ${secondsOf(scale)} s`,
  run: async (site) => {
    const pgbenchScale = Math.max(1, Math.round(PGBENCH_SCALE * site.scale));
    await createTables(site, site.servers.source, DATABASE, pgbenchScale);
    const contenders: ContenderResult[] = [];
    const measure = async (name: string, open: () => Promise<Follower>): Promise<void> => {
      const result: ContenderResult = { name, seconds: [] };
      contenders.push(result);
      try {
        const follower = await open();
        result.seconds.push(await measureLatency(site, follower, contenders.length));
      } catch (error) {
        site.signal.throwIfAborted();
        result.failure = error instanceof Error ? error.message : String(error);
        site.say(`${name} failed: ${result.failure}`);
      }
    };
    if (!site.isBaselinesOnly) {
      await using stack = await startOnlineStack(site.folder);
      await measure(PGMOVE_NAME, () => openPgmove(site, stack, 'bench_pgmove'));
    }
    if (!site.isPgmoveOnly) {
      await measure(NATIVE_NAME, async () => {
        // After the end of the migration that was measured: nobody reads this change.
        await site.servers.source.run('truncate bench_probe', DATABASE);
        return openNative(site, pgbenchScale);
      });
    }
    return { contenders, outcomes: judge(GOALS, contenders) };
  },
};

function secondsOf(scale: number): number {
  return Math.max(5, Math.round(SECONDS * scale));
}

/** Answers the 99th percentile, in seconds, of the time from before a commit to its being seen. */
async function measureLatency(
  site: OnlineSite,
  follower: Follower,
  marker: number,
): Promise<number> {
  const seconds = secondsOf(site.scale);
  // What it takes to start is no latency.
  await writeMarker(site, marker);
  await markerArrives(site, follower, marker);
  const before = await countHistory(site);
  const load = new AbortController();
  const running = runAtRate(site, RATE, seconds).finally(() => load.abort());
  const [latencies] = await Promise.all([probe(site, follower, load.signal), running]);
  const rate = ((await countHistory(site)) - before) / seconds;
  if (rate < RATE * 0.95) throw new Error(`pgbench came to ${rate.toFixed(0)} transactions/s only`);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  site.say(
    `${follower.name}: median ${at(0.5).toFixed(0)} ms, 99th percentile ${at(0.99).toFixed(0)} ms, ` +
      `maximum ${at(1).toFixed(0)} ms of ${latencies.length} probes at ${rate.toFixed(0)} transactions/s`,
  );
  return Number((at(0.99) / 1_000).toFixed(3));
}

/** Writes rows until the signal, waits for the last one, and answers the latencies in order. */
async function probe(site: OnlineSite, follower: Follower, end: AbortSignal): Promise<number[]> {
  const { source, target } = site.servers;
  const sentAt: number[] = [];
  const latencies: number[] = [];
  const write = withClient(source, DATABASE, site.signal, async (client) => {
    const startedAt = performance.now();
    while (!end.aborted) {
      sentAt.push(performance.now());
      await client.query('insert into bench_probe (id) values ($1)', [sentAt.length]);
      const dueMs = startedAt + sentAt.length * PROBE_EVERY_MS - performance.now();
      await pause(Math.max(0, dueMs));
    }
  });
  const read = withClient(target, follower.database, site.signal, async (client) => {
    let seen = 0;
    await until(
      site,
      'the probes',
      follower,
      async () => {
        const { rows } = await client.query<{ last: number }>(
          'select coalesce(max(id), 0) as last from bench_probe',
        );
        const now = performance.now();
        const last = rows[0]?.last ?? 0;
        while (seen < last) latencies.push(now - (sentAt[seen++] ?? now));
        return end.aborted && seen === sentAt.length;
      },
      LOOK_EVERY_MS,
    );
  });
  await Promise.all([write, read]);
  return latencies.sort((a, b) => a - b);
}

async function countHistory(site: OnlineSite): Promise<number> {
  return withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    const { rows } = await client.query<{ count: string }>('select count(*) from pgbench_history');
    return Number(rows[0]?.count);
  });
}
