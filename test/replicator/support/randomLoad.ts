import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';

/** Random numbers of a seed, and counts of what happened, for a test's report. */
export class Chance {
  readonly counts: Record<string, number> = {};
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length - 1)]!;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

export interface LoadOptions {
  cluster: ThrowawayCluster;
  database: string;
  chance: Chance;
  clients: number;
  /** No table is emptied or rewritten: the slot is being proven. */
  isCalm: () => boolean;
  isStopped: () => boolean;
}

/** Clients that write until they are stopped; also one that rewrites tables, one that delays commits. */
export async function runRandomLoad(options: LoadOptions): Promise<void> {
  const { clients } = options;
  await Promise.all([
    ...Array.from({ length: clients }, (_, n) => runClient(n, options)),
    rewriteTables(options),
    delayCommits(options),
  ]);
}

type Write = () => Promise<unknown>;

/** One random write each; keys that are unique per client are taken from `nextKey`. */
function writesOf(
  query: (sql: string) => Promise<unknown>,
  { chance, isCalm }: LoadOptions,
  n: number,
): Write[] {
  let lastKey = 1_000_000 * (n + 1);
  const nextKey = () => ++lastKey;
  const some = (table: string, count: number, where = 'true') =>
    `(select id from ${table} where ${where} order by random() limit ${count})`;
  const one = (table: string) => `(select ctid from ${table} order by random() limit 1)`;
  const rarely = async (probability: number, write: Write) => {
    if (!isCalm() && chance.is(probability)) await write();
  };
  const transfer = async (from: string, into: string) => {
    const amount = chance.between(1, 50);
    await query(`update ${from} set bal = bal - ${amount} where id = ${chance.between(1, 20)}`);
    if (chance.is(0.3)) await delay(chance.between(0, 20));
    await query(`update ${into} set bal = bal + ${amount} where id = ${chance.between(1, 20)}`);
  };
  return [
    () => query(`insert into t1 values (${nextKey()}, 1, 'n')`),
    () => query(`update t1 set v = v + 1 where id in ${some('t1', 3)}`),
    () => query(`delete from t1 where id in ${some('t1', 1)}`),
    () =>
      query(
        `update t1 set id = id + 1000000000 where id in ${some(
          't1',
          1,
          'id < 1000000000 and not exists (select from t3 where p = t1.id)',
        )}`,
      ),
    () => query(`insert into t2 values (${nextKey()}, ${chance.between(1, 400)}, 'q')`),
    () => query(`update t2 set u = ${chance.between(1, 400)} where id in ${some('t2', 1)}`),
    () => query(`delete from t2 where id in ${some('t2', 2)}`),
    () => query(`insert into t3 select ${nextKey()}, id, 0 from t1 order by random() limit 1`),
    () => query(`update t3 set v = v + 1 where id in ${some('t3', 2)}`),
    () => query(`insert into t4 values (${nextKey()}, ${chance.between(0, 2)}, 0)`),
    () => query(`update t4 set k = (k + 1) % 3, v = v + 1 where id in ${some('t4', 3)}`),
    () => query(`update t4 set v = v + 1 where id in ${some('t4', 2)}`),
    () => query(`delete from t4 where id in ${some('t4', 1)}`),
    () =>
      query(
        `insert into t5 select ${chance.between(0, 10)}, case when random() < .3 then null else
         'b' || (random() * 3)::int end, case when random() < .3 then repeat('x', 3000) end`,
      ),
    () => query(`delete from t5 where ctid = ${one('t5')}`),
    () => query(`update t5 set a = (a + 1) % 11 where ctid = ${one('t5')}`),
    () => query(`update t5 set b = 'u' where a = ${chance.between(0, 10)}`),
    () => query(`update t6 set n = n + 1 where id in ${some('t6', 2)}`),
    () =>
      query(`update t6 set big = repeat(md5(random()::text), 100) where id in ${some('t6', 1)}`),
    () => query(`update t6 set id = ${nextKey()} where id in ${some('t6', 1)}`),
    () =>
      query(
        `insert into t6 values (${nextKey()}, repeat(md5(random()::text), 100), 0, repeat('w', 2500))`,
      ),
    () => query(`delete from t6 where id in ${some('t6', 1)}`),
    () => query(`update t7 set id = id || 'x' where id in ${some('t7', 1, 'length(id) < 12')}`),
    async () => {
      const key = chance.between(1, 100);
      await query(`delete from t7 where id = 'k${key}'`);
      await query(`insert into t7 values ('k${key}', ${chance.between(1, 1e6)})`);
    },
    () => {
      const [a, b] = [chance.between(1, 60), chance.between(1, 60)];
      return query(
        `update t8 a set pos = b.pos from t8 b where (a.id = ${a} and b.id = ${b}) or (a.id = ${b} and b.id = ${a})`,
      );
    },
    () => query(`insert into t9 values (${nextKey()}, 0)`),
    () => query(`insert into t10 select ${nextKey()}, id, 0 from t9 order by random() limit 1`),
    () => query(`update t9 set v = v + 1 where id in ${some('t9', 3)}`),
    () => query(`update t10 set v = v + 1 where id in ${some('t10', 3)}`),
    () => query(`update t11 set v = v + 1 where id in ${some('t11', 20)}`),
    () => query(`delete from t11 where id in ${some('t11', 5)}`),
    () =>
      query(
        `insert into t11 select ${nextKey()} * 100 + i, 0, repeat('q', 150) from generate_series(1, 10) i`,
      ),
    () => transfer('acc_a', 'acc_b'),
    () => transfer('acc_b', 'acc_a'),
    () => rarely(0.12, () => query('truncate t10')),
    () => rarely(0.06, () => query('truncate t9 cascade')),
    () => rarely(0.05, () => query('truncate t4_1')),
    () => rarely(0.03, () => query('truncate t4')),
    () =>
      rarely(0.05, async () => {
        await query('truncate t5');
        await query("insert into t5 select i % 10, 'b', null from generate_series(1, 30) i");
      }),
    () =>
      rarely(0.05, async () => {
        await query('truncate t1 cascade');
        const first = nextKey();
        lastKey += 60;
        await query(
          `insert into t1 select i, i, 's' from generate_series(${first}, ${first + 50}) i`,
        );
      }),
    () =>
      rarely(0.03, async () => {
        await query('truncate t11');
        const first = nextKey() * 100;
        lastKey += 40;
        await query(
          `insert into t11 select i, i, repeat('r', 150) from generate_series(${first}, ${first + 3900}) i`,
        );
      }),
  ];
}

/** The server is restarted, or the session ended, under a client's feet. */
async function connectPatiently({ cluster, database }: LoadOptions): Promise<pg.Client> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await cluster.connect(database);
    } catch (error) {
      if (attempt > 500) throw error;
      await delay(20);
    }
  }
}

async function runClient(n: number, options: LoadOptions): Promise<void> {
  const { chance, isStopped } = options;
  let client = await connectPatiently(options);
  const writes = writesOf((sql) => client.query(sql), options, n);
  let preparedCount = 0;
  while (!isStopped()) {
    try {
      await client.query('begin');
      await client.query(
        `set local synchronous_commit = ${chance.pick(['on', 'local', 'local', 'off'])};
         set local deadlock_timeout = '100ms'; set local lock_timeout = '1500ms'`,
      );
      for (let left = chance.between(1, 6); left > 0; left -= 1) {
        await writeMaybeInSavepoint(client, chance.pick(writes), chance);
        if (chance.is(0.15)) await delay(chance.between(0, 60));
      }
      if (chance.is(0.01)) await delay(chance.between(300, 1500));
      if (chance.is(0.1)) await client.query('rollback');
      else if (chance.is(0.08)) {
        const name = `p_${process.pid}_${n}_${(preparedCount += 1)}`;
        await client.query(`prepare transaction '${name}'`).catch(async (error: unknown) => {
          // The answer may have been lost, not the transaction.
          await endPrepared(options, name, 'rollback');
          throw error;
        });
        await delay(chance.between(0, 150));
        await endPrepared(options, name, chance.is(0.8) ? 'commit' : 'rollback');
        chance.count('prepared');
      } else {
        await client.query('commit');
        chance.count('commits');
      }
    } catch (error) {
      chance.count(`load ${(error as { code?: string }).code ?? String(error).slice(0, 40)}`);
      await client.query('rollback').catch(async () => {
        await client.end().catch(() => undefined);
        client = await connectPatiently(options);
      });
    }
    if (chance.is(0.3)) await delay(chance.between(0, 10));
  }
  await client.end().catch(() => undefined);
}

async function writeMaybeInSavepoint(
  client: pg.Client,
  write: Write,
  chance: Chance,
): Promise<void> {
  if (!chance.is(0.25)) {
    await write();
    return;
  }
  await client.query('savepoint a');
  try {
    await write();
    const end = chance.pick(['rollback to a', 'rollback to a', 'release a', '']);
    if (end !== '') await client.query(end);
  } catch {
    await client.query('rollback to a');
  }
}

/** Whatever happens to the session, no prepared transaction is left behind. */
async function endPrepared(
  options: LoadOptions,
  name: string,
  how: 'commit' | 'rollback',
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const client = await connectPatiently(options);
    try {
      await client.query(`${how} prepared '${name}'`);
      return;
    } catch (error) {
      // 42704: the answer to the last attempt was lost.
      if ((error as { code?: string }).code === '42704' || attempt > 50) return;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** Rewrites are not MVCC-safe: a snapshot taken before one finds the table empty after it. */
async function rewriteTables(options: LoadOptions): Promise<void> {
  const { chance, isCalm, isStopped } = options;
  const rewrites = [
    'alter table t1 alter s type text using s || $$$$',
    'alter table t2 alter s type text using s || $$$$',
    'alter table t5 alter b type text using b || $$$$',
    'alter table t6 alter big type text using big || $$$$',
    'alter table t11 alter pad type text using pad || $$$$',
    'vacuum full t11',
    'cluster t6 using t6_pkey',
  ];
  while (!isStopped()) {
    await delay(chance.between(50, 600));
    if (isCalm()) continue;
    const client = await connectPatiently(options);
    try {
      await client.query("set lock_timeout = '1500ms'");
      await client.query(chance.pick(rewrites));
      chance.count('rewrites');
    } catch (error) {
      chance.count(`rewrite ${(error as { code?: string }).code ?? 'lost'}`);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** A synchronous standby that does not answer: commits are in the WAL long before they are visible. */
async function delayCommits(options: LoadOptions): Promise<void> {
  const { chance, isStopped } = options;
  const set = async (sql: string): Promise<boolean> => {
    const client = await connectPatiently(options);
    try {
      await client.query(sql);
      await client.query('select pg_reload_conf()');
      return true;
    } catch {
      chance.count('standby setting lost');
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  while (!isStopped()) {
    await delay(chance.between(200, 1200));
    if (isStopped()) break;
    await set("alter system set synchronous_standby_names = 'ghost'");
    chance.count('stalls');
    await delay(chance.between(50, 500));
    await set('alter system reset synchronous_standby_names');
  }
  while (!(await set('alter system reset synchronous_standby_names')));
}
