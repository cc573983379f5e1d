import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { appRoot } from '../appRoot.ts';
import { startChildService } from './childService.ts';
import type { ChildService } from './childService.ts';

export interface LocalStackOptions {
  /** Where state, secrets and logs are kept; in memory and a temporary folder when absent. */
  folder?: string;
  /** Port of the host; a free one when 0 or absent. */
  port?: number;
}

/** Azurite, the host and the replicator on 127.0.0.1. */
export interface LocalStack extends AsyncDisposable {
  readonly url: string;
  readonly pids: { azurite: number; host: number; replicator: number };
  /** Resolves when one of the processes ended by itself, with what to tell the user. */
  readonly broken: Promise<string>;
  /** Host and replicator first, then the storage that they write to. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

export async function startLocalStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'pgmove-stack-')));
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
      PGMOVE_SHUTDOWN_GRACE_SECONDS: process.env['PGMOVE_SHUTDOWN_GRACE_SECONDS'] ?? '0',
    };
    // All three start at once; the services get to know the storage when it is there.
    const start = (name: string, warm: string, args: readonly string[]): ChildService => {
      const dist = path.join(appRoot(), 'dist');
      const service = startChildService({
        name,
        script: path.join(dist, 'cli', 'stack', 'warmService.js'),
        args: [path.join(dist, name, 'main.js'), path.join(dist, warm), ...args],
        environment,
        logFile: path.join(logFolder, `${name}.log`),
      });
      services.push(service);
      return service;
    };
    const port = String(options.port ?? 0);
    const host = start('host', 'host/host.js', ['--app-root', appRoot(), '--port', port]);
    const replicator = start('replicator', 'replicator/service.js', []);
    azurite = await startAzurite({
      ...(isPrivate ? {} : { folder: path.join(folder, 'azurite') }),
      detached: true,
    });
    for (const service of services) service.send({ storage: azurite.connectionString });
    const [hostReady] = await Promise.all([host.ready, replicator.ready]);
    return runningStack(String(hostReady['url']), azurite, host, replicator, removeFolder);
  } catch (error) {
    for (const service of services) service.kill();
    await azurite?.kill();
    await Promise.all(services.map((service) => service.ended));
    removeFolder();
    throw error;
  }
}

function runningStack(
  url: string,
  azurite: RunningAzurite,
  host: ChildService,
  replicator: ChildService,
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
    void azurite.ended.then(() => {
      if (!isStopping) resolve('Azurite (the local storage) ended.');
    });
  });
  const stop = async (): Promise<void> => {
    isStopping = true;
    await Promise.all([host.stop(), replicator.stop()]);
    await azurite.stop();
    removeFolder();
  };
  return {
    url,
    pids: { azurite: azurite.pid, host: host.pid, replicator: replicator.pid },
    broken,
    stop,
    kill: () => {
      isStopping = true;
      host.kill();
      replicator.kill();
      void azurite.kill();
      removeFolder();
    },
    [Symbol.asyncDispose]: stop,
  };
}
