import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './freePort.ts';

export interface AzuriteOptions {
  /** Where the data is kept, and found again by the next start; in memory when absent. */
  folder?: string;
  /** Ports to listen on; free ones when absent or 0. */
  ports?: Partial<AzuritePorts>;
  /** Keeps the terminal's Ctrl-C away from it: its starter stops it, after what writes to it. */
  detached?: boolean;
}

export interface AzuritePorts {
  blob: number;
  queue: number;
  table: number;
}

/** Azurite's blob, queue and table services in a process of their own, on 127.0.0.1. */
export interface RunningAzurite extends AsyncDisposable {
  /** The full connection string of the well-known development account. */
  readonly connectionString: string;
  readonly ports: AzuritePorts;
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Saves what is in memory and ends. */
  stop(): Promise<void>;
  /** Ends it as a crash would (SIGKILL). */
  kill(): Promise<void>;
}

/** The account that every Azurite knows; its key is public and no secret. */
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export function azuriteConnectionString(ports: AzuritePorts): string {
  const endpoint = (port: number): string => `http://127.0.0.1:${port}/${ACCOUNT}`;
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${ACCOUNT}`,
    `AccountKey=${ACCOUNT_KEY}`,
    `BlobEndpoint=${endpoint(ports.blob)}`,
    `QueueEndpoint=${endpoint(ports.queue)}`,
    `TableEndpoint=${endpoint(ports.table)}`,
    '',
  ].join(';');
}

export async function startAzurite(options: AzuriteOptions = {}): Promise<RunningAzurite> {
  const ports: Partial<AzuritePorts> = { ...options.ports };
  if (options.folder !== undefined) {
    await mkdir(options.folder, { recursive: true });
    // What has a folder may come back on the same ports.
    for (const service of ['blob', 'queue', 'table'] as const) {
      ports[service] ||= await freePort();
    }
  }
  // The child is the file beside this one: TypeScript when run from source, JavaScript in dist.
  const self = fileURLToPath(import.meta.url);
  const server = path.join(path.dirname(self), `azuriteServer${path.extname(self)}`);
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      server,
      JSON.stringify({ folder: options.folder, ...ports }),
    ],
    // The channel ends with this process, and the server with the channel: a starter that is
    // killed leaves nothing behind.
    {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: process.env,
      detached: options.detached ?? false,
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const taken = await readPorts(child);
  child.unref();
  child.channel?.unref();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.ref();
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  return {
    connectionString: azuriteConnectionString(taken),
    ports: taken,
    pid: child.pid ?? 0,
    ended,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
}

async function readPorts(child: ChildProcess): Promise<AzuritePorts> {
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-5_000);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`Azurite ended with ${code ?? signal} before it was ready:\n${log}`)),
    );
    child.once('message', (message) => {
      // An unread pipe of a child keeps this process alive.
      (child.stderr as unknown as { unref?: () => void } | null)?.unref?.();
      resolve(message as AzuritePorts);
    });
  });
}
