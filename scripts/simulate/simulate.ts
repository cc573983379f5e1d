import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { appRoot } from '../../cli/appRoot.ts';
import { startChildService } from '../../cli/stack/childService.ts';
import type { ChildService } from '../../cli/stack/childService.ts';
import { readSettings } from '../../shared/config/settings.ts';
import { ensureStores, openStores } from '../../shared/state/stores.ts';
import { startAzurite } from '../azurite.ts';
import type { RunningAzurite } from '../azurite.ts';
import { createReporter } from './progress.ts';
import type { SimulationView } from './progress.ts';
import type { Outcome } from './report.ts';
import { seedMigration } from './seed.ts';
import type { Size } from './sizes.ts';
import type { Statistics } from './statistics.ts';

const MODULES = [
  'scripts/simulate/activities.js',
  'activities/claimDatabase.js',
  'activities/claimHelp.js',
  'activities/copyWork.js',
  'orchestrators/migrationOrchestrator.js',
  'orchestrators/databaseLane.js',
  'orchestrators/migrateDatabase.js',
  'orchestrators/copyLane.js',
  'orchestrators/helpCopies.js',
  'orchestrators/validationGroup.js',
];

export interface SimulationOptions {
  size: Size;
  jobs: number;
  /** Of each table; those of a large one are units of their own. */
  indexes: number;
  /** Ends it: everything that was started is gone when the promise is rejected. */
  signal?: AbortSignal;
  view?: SimulationView;
}

/** The statistics are written, and the instance is asked for, as often. */
const LOOK_EVERY_MS = 500;

/**
 * The orchestrators as they are, on the local host, with activities that move nothing: what a migration of
 * that size costs in calls, histories and requests to the storage.
 */
export async function simulate(options: SimulationOptions): Promise<Outcome> {
  const { size, jobs, indexes, signal = new AbortController().signal } = options;
  const show = createReporter(options);
  show();
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-simulate-'));
  let azurite: RunningAzurite | undefined;
  let host: ChildService | undefined;
  try {
    // Both are groups of their own: Ctrl-C is for this process, which ends them.
    azurite = await startAzurite({ detached: true });
    signal.throwIfAborted();
    const statistics = path.join(folder, 'statistics.json');
    const stores = openStores(readSettings({ AzureWebJobsStorage: azurite.connectionString }));
    await ensureStores(stores);
    const record = await seedMigration(stores, size.databases, jobs);
    await writeApp(folder);
    signal.throwIfAborted();
    const ports = portsOf(azurite);
    host = startHost(folder, azurite, { size, jobs, indexes, statistics, ports });
    const { instanceId, ref } = record;
    const run = async (started: ChildService): Promise<Outcome> => {
      const { url } = (await started.ready) as { url: string };
      const hub = `${url}/runtime/webhooks/durabletask`;
      const startedAt = performance.now();
      const body = JSON.stringify({ ref, run: 0 });
      const start = `${hub}/orchestrators/migrationOrchestrator/${instanceId}`;
      await fetch(start, { method: 'POST', body, signal });
      const look = async () => show(await readStatistics(statistics));
      const state = await ended(`${hub}/instances/${instanceId}`, look, signal);
      const seconds = (performance.now() - startedAt) / 1000;
      const counted = await countedBy(statistics, signal);
      show(counted);
      return { size, jobs, state, seconds, counted };
    };
    const outcome = await Promise.race([run(host), brokenOff(host, azurite, signal)]);
    await host.stop();
    return outcome;
  } catch (error) {
    signal.throwIfAborted();
    const log = host?.logTail() ?? '';
    throw new Error(`The simulation broke off.${log === '' ? '' : ` The host said:\n${log}`}`, {
      cause: error,
    });
  } finally {
    // Nothing of it is kept: there is no reason to let it end what it is at.
    host?.kill();
    await host?.ended;
    await azurite?.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A function app of its own: the orchestrators as they were built, and the activities from here. */
async function writeApp(folder: string): Promise<void> {
  const dist = path.join(appRoot(), 'dist');
  await mkdir(path.join(folder, 'app'));
  await symlink(path.join(appRoot(), 'node_modules'), path.join(folder, 'node_modules'), 'dir');
  const imports = MODULES.map((file) => `import '${pathToFileURL(path.join(dist, file)).href}';\n`);
  await writeFile(path.join(folder, 'app', 'main.js'), imports.join(''));
  const manifest = { name: 'simulation', type: 'module', main: 'app/*.js' };
  await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest));
  const host = await readFile(path.join(appRoot(), 'host.json'), 'utf8');
  await writeFile(path.join(folder, 'host.json'), host);
}

function startHost(folder: string, azurite: RunningAzurite, simulation: object): ChildService {
  return startChildService({
    name: 'host',
    script: path.join(appRoot(), 'dist', 'host', 'main.js'),
    args: ['--app-root', folder, '--port', '0'],
    environment: {
      ...process.env,
      AzureWebJobsStorage: azurite.connectionString,
      PGMOVE_SECRETS: `file:${path.join(folder, 'secrets')}`,
      PGMOVE_SIMULATION: JSON.stringify(simulation),
      FUNCTIONS_HOST_LOG_LEVEL: 'warning',
      FUNCTIONS_HOST_STRICT_TASKS: '1',
    },
  });
}

/** Rejects as soon as there is no point in waiting any longer. */
async function brokenOff(
  host: ChildService,
  azurite: RunningAzurite,
  signal: AbortSignal,
): Promise<never> {
  const cause = await Promise.race([
    host.ended.then(({ code, signal: by }) => `The host ended with ${by ?? code}.`),
    azurite.ended.then(() => 'Azurite ended.'),
    once(signal, 'abort').then(() => 'It was stopped.'),
  ]);
  throw new Error(cause);
}

function portsOf({ ports }: RunningAzurite): Record<string, string> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [String(port), name]));
}

async function ended(
  address: string,
  look: () => Promise<void>,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    const response = await fetch(address, { signal });
    const status = (await response.json()) as { runtimeStatus: string; output: unknown };
    if (status.runtimeStatus === 'Completed') return String(status.output);
    if (response.status === 200) return `${status.runtimeStatus}: ${JSON.stringify(status.output)}`;
    await look();
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Undefined before the host has written any. */
async function readStatistics(file: string): Promise<Statistics | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Statistics;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What the host has counted by now: the file is written again and again. */
async function countedBy(file: string, signal: AbortSignal): Promise<Statistics> {
  const { mtimeMs } = await stat(file);
  while ((await stat(file)).mtimeMs === mtimeMs) await pause(100, undefined, { signal });
  return JSON.parse(await readFile(file, 'utf8')) as Statistics;
}
