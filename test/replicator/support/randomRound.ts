import { setTimeout as delay } from 'node:timers/promises';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { CopyBatch } from '../../../shared/pg/copy/batch.ts';
import { kindOf } from '../../../shared/errors/classify.ts';
import { messageOf, MigrationError } from '../../../shared/errors/migrationError.ts';
import { parseLsn } from '../../../shared/wal/lsn.ts';
import { copyAllOnline, copyBatchOnline } from './copyTables.ts';
import {
  beginStream,
  canaryPosition,
  differences,
  makeOnlinePair,
  planOnline,
} from './onlinePair.ts';
import type { OnlinePair } from './onlinePair.ts';
import { Chance, runRandomLoad } from './randomLoad.ts';
import { BANK_TOTAL, BARE_SQL, SOURCE_SQL } from './randomSchema.ts';
import { Killed, startStream } from './streamLoop.ts';
import type { StreamLoop } from './streamLoop.ts';
import { waitUntil } from './waitUntil.ts';

export interface RoundOptions {
  source: ThrowawayCluster;
  target: ThrowawayCluster;
  seed: number;
  seconds: number;
  clients?: number;
  /** Crashes the source now and then, asynchronous commits and all. */
  crashesSource?: boolean;
  crashesTarget?: boolean;
}

export interface RoundResult {
  counts: Record<string, number>;
  /** What must not be. */
  failures: string[];
}

/** What every part of a round shares. */
interface Round extends RoundOptions {
  chance: Chance;
  pair: OnlinePair;
  stream: StreamLoop;
  failures: string[];
  /** Kills go on. */
  isChaotic: boolean;
  isOver: boolean;
}

const STREAM_POINTS: Readonly<Record<string, number>> = {
  betweenGroups: 0.004,
  received: 0.01,
  midGroup: 0.01,
  beforeCommit: 0.01,
  committed: 0.01,
  beforeCopying: 0.05,
  afterCopying: 0.05,
  midReplay: 0.05,
  afterReady: 0.05,
};

/** One migration under random load, in which everything is killed and done twice. */
export async function runRandomRound(options: RoundOptions): Promise<RoundResult> {
  const chance = new Chance(options.seed);
  const pair = await makeOnlinePair(options.source, options.target, {
    sql: BARE_SQL,
    rows: SOURCE_SQL,
  });
  let isLoadStopped = false;
  let isCalm = chance.is(0.7);
  const load = runRandomLoad({
    cluster: options.source,
    database: pair.source.database,
    chance,
    clients: options.clients ?? 5,
    isCalm: () => isCalm,
    isStopped: () => isLoadStopped,
  });
  const failures: string[] = [];
  try {
    await delay(chance.between(50, 300));
    await beginStream(pair).catch(async (error: unknown) => {
      if (!(error instanceof MigrationError && error.kind === 'lockTimeout')) throw error;
      // On a busy machine no proof is done before the next rewrite: the operator is asked to pause them.
      chance.count('rewrites paused');
      isCalm = true;
      await beginStream(pair);
    });
    isCalm = false;
    const killStream = async (name: string) => {
      if (!round.isChaotic || !chance.is(STREAM_POINTS[name] ?? 0)) return;
      chance.count(`stream killed ${name}`);
      throw new Killed(name);
    };
    const stream = startStream(pair, { failPoint: killStream });
    const round: Round = {
      ...options,
      chance,
      pair,
      stream,
      failures,
      isChaotic: true,
      isOver: false,
    };
    const watchers = [watchInvariants(round), killBackends(round), crashServers(round)];
    try {
      await copyEverything(round);
      await recopy(round);
      isLoadStopped = true;
      await load;
      round.isChaotic = false;
      await drain(round);
    } catch (error) {
      failures.push(String(error));
    } finally {
      round.isOver = true;
      round.isChaotic = false;
      await Promise.all(watchers);
      await stream.stop();
      if (stream.failure !== undefined) failures.push(`stream: ${messageOf(stream.failure)}`);
      chance.count(`sessions ${stream.sessionCount}`);
      for (const error of stream.errors) {
        const { kind } = error as { kind?: string };
        chance.count(`stream ended ${kind ?? String(error).slice(0, 60)}`);
      }
      Object.assign(chance.counts, stream.counters);
    }
  } finally {
    isLoadStopped = true;
    await load;
    await pair.close();
  }
  return { counts: chance.counts, failures };
}

/** Tables in random batches and lanes; some copies run twice at once. */
async function copyEverything(round: Round): Promise<void> {
  const { chance, pair } = round;
  await delay(chance.between(0, 300));
  const planned = await patiently(() =>
    planOnline(pair, { batchTables: 1, splitThresholdBytes: 200_000, partBytes: 250_000 }),
  );
  const parts = planned.filter(({ kind }) => kind === 'part');
  const items = planned.filter(({ kind }) => kind === 'tables').flatMap((batch) => batch.items);
  items.sort(() => chance.next() - 0.5);
  const batches: CopyBatch[] = [...parts];
  while (items.length > 0) {
    const taken = items.splice(0, chance.is(0.4) ? chance.between(2, 3) : 1);
    batches.push({ id: `r${items.length}`, kind: 'tables', items: taken, bytes: 0 });
  }
  batches.sort(() => chance.next() - 0.5);
  const open = [...batches];
  const lane = async () => {
    for (let batch = open.shift(); batch !== undefined; batch = open.shift()) {
      await delay(chance.between(0, 400));
      await copyMaybeTwice(round, batch);
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  // A table whose parts' snapshot was lost started again.
  await copyAllOnline(pair, batches, copyOptions(round));
}

async function copyMaybeTwice(round: Round, batch: CopyBatch): Promise<void> {
  const { chance, pair } = round;
  const copies = [copyBatchOnline(pair, batch, copyOptions(round))];
  if (chance.is(0.35)) {
    chance.count('copied twice');
    await delay(chance.between(0, 200));
    copies.push(copyBatchOnline(pair, batch, copyOptions(round)));
  }
  await Promise.all(copies);
}

function copyOptions(round: Round) {
  const { chance } = round;
  return {
    isGivenUp: () => round.stream.failure !== undefined,
    failPoint: async (name: string) => {
      if (!round.isChaotic) return;
      if (['snapshot', 'truncated', 'copied'].includes(name)) await delay(chance.between(0, 120));
      if (!chance.is(0.05)) return;
      chance.count(`copy killed ${name}`);
      throw new Killed(name);
    },
  };
}

/** Ready tables are copied again, as after a lost slot, until the time is over. */
async function recopy(round: Round): Promise<void> {
  const { chance, pair, stream } = round;
  const batches = (await patiently(() => planOnline(pair, { batchTables: 1 }))).filter(
    ({ items }) => items.length === 1 && items[0]?.name !== 't11',
  );
  const end = Date.now() + round.seconds * 1000;
  while (Date.now() < end && stream.failure === undefined) {
    const batch = chance.pick(batches);
    const { rowCount } = await patiently(() =>
      pair.into.query(
        `update pgmove.copies set state = 'starting', generation = generation + 1
         where table_id = $1 and part = 0 and state = 'ready'`,
        [batch.items[0]?.oid],
      ),
    );
    if (rowCount === 1) {
      chance.count('copied again');
      await copyMaybeTwice(round, batch);
    }
    await delay(chance.between(5, 200));
  }
}

/** Again while a server is away. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  return await waitUntil('a server', async () => {
    try {
      return await work();
    } catch (error) {
      if (kindOf(error) !== 'connectionFailed') throw error;
      return undefined;
    }
  });
}

/** Once the target is consistent, it is so at every moment. */
async function watchInvariants(round: Round): Promise<void> {
  const { chance, pair, target, failures } = round;
  let client = await target.connect(pair.target.database);
  while (!round.isOver) {
    await delay(30);
    try {
      await client.query('begin isolation level repeatable read');
      const { rows } = await client.query<{ consistent: boolean }>(
        `select bool_and(state = 'ready') and max(lsn) <= (select lsn from pgmove.progress) as consistent
         from pgmove.copies join pgmove.tables using (table_id)
         where part = 0 and table_name in ('acc_a', 'acc_b')`,
      );
      if (rows[0]?.consistent === true) {
        const bank = await client.query<{ total: string }>(
          'select (select sum(bal) from acc_a) + (select sum(bal) from acc_b) as total',
        );
        chance.count('looks at the bank');
        if (Number(bank.rows[0]?.total) !== BANK_TOTAL) {
          failures.push(`the bank has ${bank.rows[0]?.total}`);
        }
      }
      await client.query('commit');
    } catch (error) {
      const { code } = error as { code?: string };
      if (round.crashesTarget !== true) failures.push(`the watcher: ${code} ${String(error)}`);
      await client.end().catch(() => undefined);
      client = await patiently(() => target.connect(pair.target.database));
    }
  }
  await client.end().catch(() => undefined);
}

/** Ends sessions of ours in the middle of whatever they do, walsenders too. */
async function killBackends(round: Round): Promise<void> {
  const { chance } = round;
  while (!round.isOver) {
    await delay(chance.between(100, 900));
    if (!round.isChaotic) continue;
    const cluster = chance.is(0.5) ? round.source : round.target;
    const client = await cluster.connect().catch(() => undefined);
    if (client === undefined) continue;
    const { rows } = await client
      .query<{ application_name: string }>(
        `select application_name, pg_terminate_backend(pid) from (
           select pid, application_name from pg_stat_activity
           where application_name in ('pgmove/test/stream', 'pgmove/test/copy') order by random()
           limit 1) victim`,
      )
      .catch(() => ({ rows: [] }));
    if (rows[0]) chance.count(`terminated ${rows[0].application_name}`);
    await client.end().catch(() => undefined);
  }
}

async function crashServers(round: Round): Promise<void> {
  const { chance, pair } = round;
  while (!round.isOver) {
    await delay(chance.between(800, 2500));
    if (!round.isChaotic) continue;
    if (round.crashesSource === true && chance.is(0.6)) {
      chance.count('source crashed');
      await round.source.crash();
      await round.source.start();
      pair.from = await round.source.connect(pair.source.database);
    } else if (round.crashesTarget === true) {
      chance.count('target crashed');
      await round.target.crash();
      await round.target.start();
      pair.into = await round.target.connect(pair.target.database);
    }
  }
}

async function drain(round: Round): Promise<void> {
  const { pair, stream, failures, chance } = round;
  if (stream.failure !== undefined) return;
  const position = await canaryPosition(pair);
  stream.drainTo = parseLsn(position);
  await stream.waitFor('the drain', ({ stage }) => stage === 'drained');
  for (const { table, detail } of await differences(pair)) {
    failures.push(`${table} differs: ${detail}`);
  }
  const { rows } = await pair.into.query<{ open: string }>(
    `select (select count(*) from pgmove.copies where state <> 'ready' and part = 0)
       + (select count(*) from pgmove.held) as open`,
  );
  if (Number(rows[0]?.open) !== 0) failures.push('not everything is ready');
  chance.count('drained');
}
