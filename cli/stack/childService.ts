import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { CommandError, EXIT } from '../exitCode.ts';

export interface ChildServiceOptions {
  /** For messages: `host`. */
  name: string;
  script: string;
  args: readonly string[];
  /** For Node itself. */
  flags?: readonly string[];
  environment: NodeJS.ProcessEnv;
  /** Where its output goes; only its end is kept, for messages, when absent. */
  logFile?: string;
}

/** A part of the stack in a process of its own. */
export interface ChildService {
  readonly name: string;
  readonly pid: number;
  /** What it said over IPC when it was ready. */
  readonly ready: Promise<Record<string, unknown>>;
  /** Its exit; never rejects. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Tells it something over IPC. */
  send(message: object): void;
  /** The end of its output, for messages. */
  logTail(): string;
  /** SIGTERM, and SIGKILL where that does not help in time. */
  stop(graceMs?: number): Promise<void>;
  kill(): void;
}

const LOG_TAIL = 4_000;

export function startChildService(options: ChildServiceOptions): ChildService {
  const child = spawn(
    process.execPath,
    [...(options.flags ?? []), options.script, ...options.args],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C in the terminal is for the command, which stops its services in order.
      detached: true,
      env: options.environment,
    },
  );
  const log = collectOutput(child, options.logFile);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: 1, signal: null }));
  });
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.on('message', (message) => {
      if (isReady(message)) resolve(message);
    });
    void ended.then(({ code, signal }) =>
      reject(
        new CommandError(
          EXIT.failed,
          `The ${options.name} ended with ${signal ?? code} before it was ready.\n${log()}`,
        ),
      ),
    );
  });
  // Whoever does not wait for readiness must not end the process by a late failure.
  ready.catch(() => undefined);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    name: options.name,
    pid: child.pid ?? 0,
    ready,
    ended,
    send: (message) => {
      if (child.connected) child.send(message);
    },
    logTail: log,
    stop: async (graceMs = 10_000) => {
      if (!isOver()) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
    kill: () => {
      if (!isOver()) child.kill('SIGKILL');
    },
  };
}

function isReady(message: unknown): message is Record<string, unknown> {
  return typeof message === 'object' && message !== null && 'ready' in message;
}

function collectOutput(child: ChildProcess, logFile: string | undefined): () => string {
  let tail = '';
  const file = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-LOG_TAIL);
      file?.write(text);
    });
  }
  child.once('close', () => file?.end());
  return () => tail.trim();
}
