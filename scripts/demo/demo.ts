import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { startThrowawayCluster } from '../postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../postgres/throwawayCluster.ts';
import { countOnTarget, describeLoad, startDemoLoad } from './demoLoad.ts';
import type { WriteLoad } from './load/writeLoad.ts';
import { createSampleDatabase, createSampleRoles } from './sample/sampleDatabase.ts';

export interface DemoOptions {
  /** Moves the database while clients write to it. */
  isOnline: boolean;
  /** Leaves the servers up at the end, until Ctrl-C. */
  isKept: boolean;
  /** 1: about four million rows. */
  scale: number;
}

/** Throw-away data needs no safety against power cuts, but both sides get the same settings. */
const SETTINGS = { shared_buffers: '256MB', max_wal_size: '4GB', maintenance_work_mem: '128MB' };

const DATABASE = 'shop';

/** Some tables of the sample have no key; the fence shuts out the clients at the cutover. */
const ONLINE_OPTIONS = ['--online', '--fence-source', '--replica-identity-full'];

class Interrupted extends Error {}

export async function runDemo(options: DemoOptions): Promise<number> {
  const startedMs = Date.now();
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => reject(new Interrupted()));
    }
  });
  interrupted.catch(() => undefined);
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-demo-'));
  const clusters: ThrowawayCluster[] = [];
  let load: WriteLoad | undefined;
  const cleanUp = async (): Promise<void> => {
    await load?.[Symbol.asyncDispose]();
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  // A server that is just being started is only in the list when it runs.
  let starting: Promise<unknown> = Promise.resolve();
  try {
    title('Two PostgreSQL servers');
    const start = async (): Promise<ThrowawayCluster> => {
      const cluster = await startThrowawayCluster({ settings: SETTINGS, isDetached: true });
      clusters.push(cluster);
      return cluster;
    };
    const pair = Promise.all([start(), start()]);
    starting = pair.catch(() => undefined);
    const [source, target] = await Promise.race([pair, interrupted]);
    say(`source  ${source.uri(DATABASE)}`);
    say(`target  ${target.uri(DATABASE)}`);

    title('A sample database');
    await Promise.race([fillSource(source, target, options.scale), interrupted]);

    const pgmove = cliCommand();
    const servers = ['--source', source.uri(DATABASE), '--target', target.uri(DATABASE)];
    if (options.isOnline) {
      title('Clients that write to the source all the time');
      load = await Promise.race([startDemoLoad(source, target, DATABASE), interrupted]);
      say(
        'inserts, updates, deletes, key changes, truncates, large values; until they are shut out',
      );
    }
    title(`pgmove migrate${options.isOnline ? ' --online' : ''}`);
    const how = options.isOnline ? ONLINE_OPTIONS : [];
    const migrated = await runPgmove([...pgmove, 'migrate', ...servers, ...how], folder);
    if (migrated !== 0) return migrated;
    if (load !== undefined) {
      title('What the clients did');
      const stats = await load.stop();
      const arrived = await countOnTarget(target, DATABASE);
      for (const line of describeLoad(stats, arrived)) say(line);
      title('pgmove source unfence');
      const opened = await runPgmove(
        [...pgmove, 'source', 'unfence', '--source', source.uri(DATABASE)],
        folder,
      );
      if (opened !== 0) return opened;
    }

    title('pgmove compare');
    const compared = await runPgmove([...pgmove, 'compare', ...servers], folder);
    say(`\nThe whole demo took ${Math.round((Date.now() - startedMs) / 1000)} s.`);
    if (options.isKept) {
      say(`\nThe servers stay up until Ctrl-C:`);
      say(`  psql '${source.uri(DATABASE)}'`);
      say(`  psql '${target.uri(DATABASE)}'`);
      await interrupted.catch(() => undefined);
    }
    return compared;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return 130;
  } finally {
    await starting;
    await cleanUp();
  }
}

async function fillSource(
  source: ThrowawayCluster,
  target: ThrowawayCluster,
  scale: number,
): Promise<void> {
  const startedMs = Date.now();
  await source.createDatabase(DATABASE);
  const [client, targetClient] = await Promise.all([source.connect(DATABASE), target.connect()]);
  try {
    // Grants are carried where the role exists on the target; these are made beforehand, as an
    // administrator does.
    await createSampleRoles(targetClient);
    await createSampleDatabase(client, { scale, connect: () => source.connect(DATABASE) });
    const { rows } = await client.query<{ tables: string; rows: string; size: string }>(
      `select count(*) as tables, to_char(sum(greatest(reltuples, 0)), 'FM999,999,999') as rows,
              pg_size_pretty(pg_database_size(current_database())) as size
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where relkind = 'r' and nspname !~ '^pg_|information_schema'`,
    );
    const facts = rows[0];
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    say(`${facts?.tables} tables, about ${facts?.rows} rows, ${facts?.size}, made in ${seconds} s`);
  } finally {
    await Promise.all([client.end(), targetClient.end()]);
  }
}

/** The command line as it was built. */
function cliCommand(): string[] {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  // This file runs as dist/scripts/demo/demo.js, or from the sources while it is developed.
  const dist = path.basename(root) === 'dist' ? root : path.join(root, 'dist');
  return [path.join(dist, 'cli', 'main.js')];
}

/** Ctrl-C in the terminal reaches it too: it cancels and stops its services by itself. */
async function runPgmove(args: readonly string[], folder: string): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: 'inherit', cwd: folder });
  const forward = (): void => {
    child.kill('SIGTERM');
  };
  process.once('SIGTERM', forward);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    process.removeListener('SIGTERM', forward);
  }
}

function title(text: string): void {
  process.stdout.write(`\n${styleText('bold', text)}\n`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
