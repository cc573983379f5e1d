import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import {
  runtimeIdOf,
  runtimeKeyOf,
  TASK_HUB_SETTING,
  taskHubOf,
} from '../../shared/contracts/runtimes.ts';
import { appRoot } from '../appRoot.ts';
import { startChildService } from './childService.ts';
import type { ChildService } from './childService.ts';
import { REPLICATOR_FLAGS } from './replicatorFlags.ts';

export interface WorkerGroup {
  runtime: string;
  /** Connection string. */
  storage: string;
  /** As PGMOVE_SECRETS; the folder's own when absent. */
  secrets?: string;
}

export interface LocalStackOptions {
  /** Where state, secrets and logs are kept; in memory and a temporary folder when absent. */
  folder?: string;
  /** Port of the host; a free one when 0 or absent. */
  port?: number;
  /** The stack is this worker group, over a storage that is there. */
  group?: WorkerGroup;
}

/** Azurite, the host and the replicator on 127.0.0.1. */
export interface LocalStack extends AsyncDisposable {
  readonly url: string;
  /** Connection string of its storage. */
  readonly storage: string;
  readonly pids: { azurite?: number; host: number; replicator: number };
  /** Resolves when one of the processes ended by itself, with what to tell the user. */
  readonly broken: Promise<string>;
  /** Host and replicator first, then the storage that they write to. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

export async function startLocalStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'pgmove-stack-')));
  const { group } = options;
  const suffix = group === undefined ? '' : `-${runtimeKeyOf(runtimeIdOf(group.runtime))}`;
  const isPrivate = options.folder === undefined;
  const secretsFolder = path.join(folder, 'secrets');
  const logFolder = path.join(folder, 'logs');
  await Promise.all([
    mkdir(secretsFolder, { recursive: true, mode: 0o700 }),
    mkdir(logFolder, { recursive: true }),
  ]);
  let azurite: RunningAzurite | undefined;
  const services: ChildService[] = [];
  // Synchronous: it is also the last thing that a killed command does, and secrets lie in there.
  const removeFolder = (): void => {
    if (isPrivate) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      PGMOVE_SECRETS: `file:${secretsFolder}`,
      // The host stops as well: no copy would go on under a snapshot that is held.
      ...groupSettings(options.group),
      PGMOVE_SHUTDOWN_GRACE_SECONDS: process.env['PGMOVE_SHUTDOWN_GRACE_SECONDS'] ?? '0',
    };
    // All three start at once; the services get to know the storage when it is there.
    const start = (
      name: string,
      warm: string,
      args: readonly string[],
      flags: readonly string[] = [],
    ): ChildService => {
      const dist = path.join(appRoot(), 'dist');
      const service = startChildService({
        name,
        script: path.join(dist, 'cli', 'stack', 'warmService.js'),
        args: [path.join(dist, name, 'main.js'), path.join(dist, warm), ...args],
        flags,
        environment,
        logFile: path.join(logFolder, `${name}${suffix}.log`),
      });
      services.push(service);
      return service;
    };
    const port = String(options.port ?? 0);
    const host = start('host', 'host/host.js', ['--app-root', appRoot(), '--port', port]);
    const replicator = start('replicator', 'replicator/service.js', [], REPLICATOR_FLAGS);
    if (group === undefined) {
      azurite = await startAzurite({
        ...(isPrivate ? {} : { folder: path.join(folder, 'azurite') }),
        detached: true,
      });
    }
    const storage = azurite?.connectionString ?? group?.storage ?? '';
    for (const service of services) service.send({ storage });
    const [hostReady] = await Promise.all([host.ready, replicator.ready]);
    const parts = { azurite, host, replicator, storage };
    return runningStack(String(hostReady['url']), parts, removeFolder);
  } catch (error) {
    for (const service of services) service.kill();
    await azurite?.kill();
    await Promise.all(services.map((service) => service.ended));
    removeFolder();
    throw error;
  }
}

/** What makes the host and the replicator a worker group. */
function groupSettings(group: LocalStackOptions['group']): NodeJS.ProcessEnv {
  if (group === undefined) return {};
  const runtime = runtimeIdOf(group.runtime);
  return {
    PGMOVE_RUNTIME: runtime,
    [TASK_HUB_SETTING]: taskHubOf(runtime),
    ...(group.secrets === undefined ? {} : { PGMOVE_SECRETS: group.secrets }),
  };
}

interface StackParts {
  /** Absent: the storage is another's. */
  azurite: RunningAzurite | undefined;
  host: ChildService;
  replicator: ChildService;
  storage: string;
}

function runningStack(
  url: string,
  { azurite, host, replicator, storage }: StackParts,
  removeFolder: () => void,
): LocalStack {
  let isStopping = false;
  const broken = new Promise<string>((resolve) => {
    for (const service of [host, replicator]) {
      void service.ended.then(({ code, signal }) => {
        if (!isStopping)
          resolve(`The ${service.name} ended with ${signal ?? code}.\n${service.logTail()}`);
      });
    }
    void azurite?.ended.then(() => {
      if (!isStopping) resolve('Azurite (the local storage) ended.');
    });
  });
  const stop = async (): Promise<void> => {
    isStopping = true;
    await Promise.all([host.stop(), replicator.stop()]);
    await azurite?.stop();
    removeFolder();
  };
  return {
    url,
    storage,
    pids: {
      ...(azurite === undefined ? {} : { azurite: azurite.pid }),
      host: host.pid,
      replicator: replicator.pid,
    },
    broken,
    stop,
    kill: () => {
      isStopping = true;
      host.kill();
      replicator.kill();
      void azurite?.kill();
      removeFolder();
    },
    [Symbol.asyncDispose]: stop,
  };
}
