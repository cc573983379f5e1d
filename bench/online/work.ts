import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { runProgram } from '../childProcess.ts';
import { DATABASE, withClient } from '../offline/servers.ts';
import type { Follower, OnlineSite } from './onlineCase.ts';

/** Beside pgbench's tables: what marks the end of a backlog, the probe of the latency, large transactions. */
const OWN_TABLES = `
  create table bench_marker (id integer primary key);
  create table bench_probe (id integer primary key, written_at timestamptz not null default clock_timestamp());
  create table bench_large (id integer primary key, amount numeric(12, 2) not null, label text not null)`;

/** Clients of pgbench, on as many threads as the machine has cores for them. */
const CLIENTS = 4;
const THREADS = 2;

/** pgbench's tables, which hold rows on the source only. */
export async function createTables(
  site: OnlineSite,
  cluster: ThrowawayCluster,
  database: string,
  pgbenchScale: number,
): Promise<void> {
  const isSource = cluster === site.servers.source;
  const steps = isSource ? 'dtgvp' : 'dtp';
  await pgbench(site, ['-i', '-q', '-s', String(pgbenchScale), '-I', steps, cluster.uri(database)]);
  await cluster.run(OWN_TABLES, database);
  // It has no key. pgbench -N only inserts into it, so this changes nothing but the rules' mind.
  await cluster.run('alter table pgbench_history replica identity full', database);
}

/** As pgbench -N does them, and fast: what is measured is how they get across. */
export async function runTransactions(site: OnlineSite, count: number): Promise<void> {
  const each = Math.ceil(count / CLIENTS);
  await pgbench(site, ['-N', '-n', ...clients(), '-t', String(each), site.servers.sourceUri]);
}

export async function runAtRate(
  site: OnlineSite,
  perSecond: number,
  seconds: number,
): Promise<void> {
  const rate = ['-R', String(perSecond), '-T', String(seconds)];
  await pgbench(site, ['-N', '-n', ...clients(), ...rate, site.servers.sourceUri]);
}

function clients(): string[] {
  return ['-c', String(CLIENTS), '-j', String(THREADS)];
}

async function pgbench(site: OnlineSite, args: readonly string[]): Promise<void> {
  const environment = { ...process.env, PGOPTIONS: '-c synchronous_commit=off' };
  const program = path.join(site.postgresFolder, 'pgbench');
  await runProgram(program, args, { signal: site.signal, environment });
}

/** The last change of a backlog: whoever shows it has applied all that came before. */
export async function writeMarker(site: OnlineSite, id: number): Promise<void> {
  await withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    await client.query('insert into bench_marker values ($1)', [id]);
  });
}

export async function markerArrives(
  site: OnlineSite,
  follower: Follower,
  id: number,
): Promise<void> {
  await withClient(site.servers.target, follower.database, site.signal, async (client) => {
    await until(site, `the end of the backlog on ${follower.name}`, follower, async () => {
      const { rows } = await client.query('select from bench_marker where id = $1', [id]);
      return rows.length > 0;
    });
  });
}

const LOOK_EVERY_MS = 10;
/** Seldom: asking costs the follower, and only pgmove, some of the processors' time. */
const FAILURE_EVERY_MS = 10_000;
const PATIENCE_MS = 600_000;

/** Looks again and again until something is so; gives up when the follower has failed. */
export async function until(
  site: OnlineSite,
  what: string,
  follower: Pick<Follower, 'failure'> | undefined,
  isSo: () => Promise<boolean>,
  everyMs: number = LOOK_EVERY_MS,
): Promise<void> {
  const startedMs = Date.now();
  let askedMs = startedMs;
  while (!(await isSo())) {
    site.signal.throwIfAborted();
    if (Date.now() - startedMs > PATIENCE_MS) throw new Error(`Waited for ${what} in vain.`);
    if (Date.now() - askedMs >= FAILURE_EVERY_MS) {
      askedMs = Date.now();
      const failure = await follower?.failure();
      if (failure !== undefined) throw new Error(`Waited for ${what}: ${failure}`);
    }
    await pause(everyMs, undefined, { signal: site.signal });
  }
}

const SUMS = `
  select (select count(*) || '/' || sum(abalance::bigint * aid) from pgbench_accounts) as accounts,
         (select count(*) || '/' || sum(delta::bigint * aid) from pgbench_history) as history,
         (select count(*) || '/' || coalesce(sum(amount * id), 0) || '/' ||
                 coalesce(sum(hashtext(label)::bigint), 0) from bench_large) as large`;

/** A drain that was fast because it forgot something is no result. */
export async function checkEqual(site: OnlineSite, follower: Follower): Promise<void> {
  const { source, target } = site.servers;
  const read = (cluster: ThrowawayCluster, database: string): Promise<string> =>
    withClient(cluster, database, site.signal, async (client) =>
      JSON.stringify((await client.query(SUMS)).rows[0]),
    );
  const [wanted, arrived] = [await read(source, DATABASE), await read(target, follower.database)];
  if (wanted !== arrived) {
    throw new Error(`not what the source holds: ${arrived} instead of ${wanted}`);
  }
}
