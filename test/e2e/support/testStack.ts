import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startChildService } from '../../../cli/stack/childService.ts';
import type { ChildService } from '../../../cli/stack/childService.ts';
import { REPLICATOR_FLAGS } from '../../../cli/stack/replicatorFlags.ts';
import { startAzurite } from '../../../scripts/azurite.ts';
import type { RunningAzurite } from '../../../scripts/azurite.ts';
import {
  runtimeIdOf,
  runtimeKeyOf,
  TASK_HUB_SETTING,
  taskHubOf,
} from '../../../shared/contracts/runtimes.ts';
import { freePort } from '../../../scripts/freePort.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** `successor`: a second replicator, not started with the others. */
type Part = 'host' | 'replicator' | 'successor';

/**
 * The built stack, with parts that can be killed and started again one by one. With PGMOVE_URL set,
 * the service at that address is used instead, and tests that kill something are left out.
 */
export interface TestStack extends AsyncDisposable {
  readonly url: string;
  /** Connection string of the storage account. */
  readonly storage: string;
  /** SIGKILL, and the part is gone when this returns. */
  kill(part: Part | 'azurite'): Promise<void>;
  /** `settings` are added to the stack's, for this start. */
  start(part: Part | 'azurite', settings?: NodeJS.ProcessEnv): Promise<void>;
  /** SIGTERM, once for each call; `ended` tells when that had its effect. */
  terminate(part: Part): void;
  /** Another host and replicator over the same storage: the worker group of this id. */
  startGroup(runtime: string): Promise<TestGroup>;
  /** How the part ended; never rejects. */
  ended(part: Part): Promise<{ code: number | null; signal: string | null }>;
  /** The end of its output. */
  log(part: Part): string;
  /** All that it ever said. */
  wholeLog(part: Part): Promise<string>;
}

export interface TestGroup {
  readonly url: string;
  wholeLog(part: Part): Promise<string>;
  stop(): Promise<void>;
}

export const OUTSIDE_URL = process.env['PGMOVE_URL'];

export async function startTestStack(settings: NodeJS.ProcessEnv = {}): Promise<TestStack> {
  if (OUTSIDE_URL !== undefined) return outsideStack(OUTSIDE_URL);
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-e2e-'));
  const azuriteFolder = path.join(folder, 'azurite');
  let azurite: RunningAzurite = await startAzurite({ folder: azuriteFolder });
  const { ports } = azurite;
  const port = await freePort();
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    AzureWebJobsStorage: azurite.connectionString,
    // What the real host would do twice is an error here (docs/decisions/0004).
    FUNCTIONS_HOST_STRICT_TASKS: '1',
    PGMOVE_SECRETS: `file:${path.join(folder, 'secrets')}`,
    PGMOVE_SHUTDOWN_GRACE_SECONDS: '0',
    ...settings,
  };
  const logFile = (part: Part, group?: string) => {
    const suffix = group === undefined ? '' : `-${runtimeKeyOf(runtimeIdOf(group))}`;
    return path.join(folder, `${part}${suffix}.log`);
  };
  const startPart = async (
    part: Part,
    partPort: number,
    group?: string,
    more: NodeJS.ProcessEnv = {},
  ): Promise<ChildService> => {
    const args = part === 'host' ? ['--app-root', ROOT, '--port', String(partPort)] : [];
    const program = part === 'host' ? 'host' : 'replicator';
    const script = path.join(ROOT, 'dist', program, 'main.js');
    const service = startChildService({
      name: part,
      script,
      args,
      flags: part === 'host' ? [] : REPLICATOR_FLAGS,
      environment: { ...environment, ...groupSettings(group), ...more },
      logFile: logFile(part, group),
    });
    all.add(service);
    await service.ready;
    return service;
  };
  const all = new Set<ChildService>();
  const services = new Map<Part, ChildService>();
  const begin = async (part: Part, more?: NodeJS.ProcessEnv) => {
    services.set(part, await startPart(part, port, undefined, more));
  };
  const parts: Part[] = ['host', 'replicator'];
  await Promise.all(parts.map((part) => begin(part)));
  const end = async () => {
    await Promise.all([...all].map((service) => service.stop()));
    await azurite.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    url: `http://127.0.0.1:${port}`,
    async kill(part) {
      if (part === 'azurite') return azurite.kill();
      services.get(part)?.kill();
      await services.get(part)?.ended;
    },
    async start(part, more) {
      if (part === 'azurite') azurite = await startAzurite({ folder: azuriteFolder, ports });
      else await begin(part, more);
    },
    terminate(part) {
      const pid = services.get(part)?.pid;
      if (pid !== undefined) process.kill(pid, 'SIGTERM');
    },
    async startGroup(runtime) {
      const groupPort = await freePort();
      const started = await Promise.all(
        (['host', 'replicator'] as const).map((part) => startPart(part, groupPort, runtime)),
      );
      return {
        url: `http://127.0.0.1:${groupPort}`,
        wholeLog: (part) => readFile(logFile(part, runtime), 'utf8'),
        stop: async () => {
          await Promise.all(started.map((service) => service.stop()));
        },
      };
    },
    ended: (part) => services.get(part)?.ended ?? Promise.resolve({ code: 0, signal: null }),
    storage: azurite.connectionString,
    log: (part) => services.get(part)?.logTail() ?? '',
    wholeLog: (part) => readFile(logFile(part), 'utf8'),
    [Symbol.asyncDispose]: end,
  };
}

function groupSettings(runtime: string | undefined): NodeJS.ProcessEnv {
  if (runtime === undefined) return {};
  return { PGMOVE_RUNTIME: runtime, [TASK_HUB_SETTING]: taskHubOf(runtimeIdOf(runtime)) };
}

function outsideStack(url: string): TestStack {
  const refuse = () => Promise.reject(new Error('The service at PGMOVE_URL is not ours to kill.'));
  return {
    url,
    kill: refuse,
    start: refuse,
    terminate: () => undefined,
    startGroup: refuse,
    ended: refuse,
    storage: '',
    log: () => '',
    wholeLog: () => Promise.resolve(''),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
