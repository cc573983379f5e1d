import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const APP_ROOT = path.join(import.meta.dirname, 'app');
const MAIN = path.join(import.meta.dirname, '../../host/main.ts');

/** A host in a process of its own, so that it can be killed. */
export interface HostProcess {
  readonly url: string;
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
}

export async function startHostProcess(
  connectionString: string,
  environment: Record<string, string> = {},
): Promise<HostProcess> {
  const child = fork(MAIN, ['--app-root', APP_ROOT, '--port', '0'], {
    env: {
      ...process.env,
      AzureWebJobsStorage: connectionString,
      FIXTURE_SCHEDULE: '0 0 0 1 1 *',
      ...environment,
    },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: { url: string }) => resolve(message.url));
    child.once('exit', (code) => reject(new Error(`The host ended: ${code}\n${output.stderr}`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  return {
    url,
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

export interface InstanceStatus {
  name: string;
  instanceId: string;
  runtimeStatus: string;
  input: unknown;
  output: unknown;
  customStatus: unknown;
  createdTime: string;
  lastUpdatedTime: string;
  historyEvents?: { EventType: string; FunctionName?: string; Result?: unknown }[];
}

const MANAGEMENT = '/runtime/webhooks/durabletask';

/** The management API, as somebody outside the app calls it. */
export function management(host: HostProcess) {
  const call = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`${host.url}${MANAGEMENT}/${path}`, init);
  return {
    call,
    async start(name: string, input?: unknown, id?: string): Promise<string> {
      const response = await call(`orchestrators/${name}${id === undefined ? '' : `/${id}`}`, {
        method: 'POST',
        ...(input === undefined ? {} : { body: JSON.stringify(input) }),
      });
      const body = (await response.json()) as { id: string };
      if (response.status !== 202) throw new Error(`${response.status} ${JSON.stringify(body)}`);
      return body.id;
    },
    async raise(id: string, event: string, data?: unknown): Promise<number> {
      const response = await call(`instances/${id}/raiseEvent/${event}`, {
        method: 'POST',
        ...(data === undefined ? {} : { body: JSON.stringify(data) }),
      });
      return response.status;
    },
    async status(id: string, query = ''): Promise<InstanceStatus> {
      return (await (await call(`instances/${id}${query}`)).json()) as InstanceStatus;
    },
    async post(id: string, operation: string, reason = ''): Promise<number> {
      const query = `?reason=${encodeURIComponent(reason)}`;
      return (await call(`instances/${id}/${operation}${query}`, { method: 'POST' })).status;
    },
    /** The status, once it is one of these; by default one of the final ones. */
    until(
      id: string,
      wanted: readonly string[] = ['Completed', 'Failed', 'Terminated'],
    ): Promise<InstanceStatus> {
      return until(async () => {
        const status = await this.status(id);
        return wanted.includes(status.runtimeStatus) ? status : undefined;
      });
    },
    async run(name: string, input?: unknown): Promise<InstanceStatus> {
      return this.until(await this.start(name, input));
    },
  };
}

/** Asks again and again until there is an answer. */
export async function until<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(5);
  }
  throw new Error('What the test waits for did not happen.');
}

/** The file in which the fixture's functions write down what they did. */
export interface Ledger {
  readonly file: string;
  lines(): Promise<string[]>;
  count(line: string): Promise<number>;
  remove(): Promise<void>;
}

export async function createLedger(): Promise<Ledger> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-ledger-'));
  const file = path.join(folder, 'ledger.txt');
  const lines = async (): Promise<string[]> => {
    const text = await readFile(file, 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  };
  return {
    file,
    lines,
    count: async (wanted) => (await lines()).filter((line) => line === wanted).length,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
