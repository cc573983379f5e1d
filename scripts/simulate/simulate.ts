import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { appRoot } from '../../cli/appRoot.ts';
import { readSettings } from '../../shared/config/settings.ts';
import { ensureStores, openStores } from '../../shared/state/stores.ts';
import { startAzurite } from '../azurite.ts';
import type { RunningAzurite } from '../azurite.ts';
import type { Outcome } from './report.ts';
import { seedMigration } from './seed.ts';
import type { Size } from './sizes.ts';
import type { Statistics } from './statistics.ts';

const MODULES = [
  'scripts/simulate/activities.js',
  'activities/claimDatabase.js',
  'activities/copyWork.js',
  'orchestrators/migrationOrchestrator.js',
  'orchestrators/databaseLane.js',
  'orchestrators/migrateDatabase.js',
  'orchestrators/copyLane.js',
  'orchestrators/validationGroup.js',
];

export interface SimulationOptions {
  size: Size;
  jobs: number;
  /** Of a table whose indexes are units of their own. */
  indexes: number;
}

/**
 * The orchestrators as they are, on the local host, with activities that move nothing: what a migration of
 * that size costs in calls, histories and requests to the storage.
 */
export async function simulate({ size, jobs, indexes }: SimulationOptions): Promise<Outcome> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-simulate-'));
  const azurite = await startAzurite();
  try {
    const statistics = path.join(folder, 'statistics.json');
    const stores = openStores(readSettings({ AzureWebJobsStorage: azurite.connectionString }));
    await ensureStores(stores);
    const record = await seedMigration(stores, size.databases, jobs);
    await writeApp(folder);
    const ports = portsOf(azurite);
    const host = startHost(folder, azurite, { size, jobs, indexes, statistics, ports });
    try {
      const [{ url }] = (await once(host, 'message')) as [{ url: string }];
      const began = performance.now();
      const hub = `${url}/runtime/webhooks/durabletask`;
      await fetch(`${hub}/orchestrators/migrationOrchestrator/${record.instanceId}`, {
        method: 'POST',
        body: JSON.stringify({ ref: record.ref, run: 0 }),
      });
      const state = await ended(`${hub}/instances/${record.instanceId}`);
      const seconds = (performance.now() - began) / 1000;
      const counted = await countedBy(statistics);
      return { size, jobs, state, seconds, counted };
    } finally {
      const left = once(host, 'exit');
      host.kill('SIGTERM');
      await left;
    }
  } finally {
    await azurite.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the host has counted by now: the file is written again and again. */
async function countedBy(file: string): Promise<Statistics> {
  const { mtimeMs } = await stat(file);
  while ((await stat(file)).mtimeMs === mtimeMs) await pause(100);
  return JSON.parse(await readFile(file, 'utf8')) as Statistics;
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

function startHost(folder: string, azurite: RunningAzurite, simulation: object) {
  return fork(
    path.join(appRoot(), 'dist', 'host', 'main.js'),
    ['--app-root', folder, '--port', '0'],
    {
      env: {
        ...process.env,
        AzureWebJobsStorage: azurite.connectionString,
        PGMOVE_SECRETS: `file:${path.join(folder, 'secrets')}`,
        PGMOVE_SIMULATION: JSON.stringify(simulation),
        FUNCTIONS_HOST_LOG_LEVEL: 'warning',
        FUNCTIONS_HOST_STRICT_TASKS: '1',
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    },
  );
}

function portsOf({ ports }: RunningAzurite): Record<string, string> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [String(port), name]));
}

async function ended(address: string): Promise<string> {
  for (;;) {
    const response = await fetch(address);
    const status = (await response.json()) as { runtimeStatus: string; output: unknown };
    if (status.runtimeStatus === 'Completed') return String(status.output);
    if (response.status === 200) return `${status.runtimeStatus}: ${JSON.stringify(status.output)}`;
    await pause(500);
  }
}
