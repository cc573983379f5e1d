import { subscribe } from 'node:diagnostics_channel';
import { rename, writeFile } from 'node:fs/promises';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { app } from '@azure/functions';

/** What one orchestrator or activity was asked to do. */
export interface Invocations {
  count: number;
  /** Of an orchestrator: events of history that were replayed, over all episodes and at most in one. */
  events: number;
  longestHistory: number;
  /** Bytes of input, over all calls; of an orchestrator the history is in it. */
  bytes: number;
}

export interface Requests {
  count: number;
  /** Of the bodies. */
  bytesSent: number;
  /** Of whole answers, with their heads. */
  bytesReceived: number;
}

export interface Statistics {
  /** Processor time of the host's process. */
  cpuSeconds: number;
  functions: Record<string, Invocations>;
  /** Requests to the storage, by service, what they are about, and method. */
  requests: Record<string, Requests>;
}

const WRITE_EVERY_MS = 500;

/** Counts what this process does, and writes it into the file again and again. */
export function countInto(file: string, ports: Record<string, string>): void {
  const statistics: Statistics = { cpuSeconds: 0, functions: {}, requests: {} };
  app.hook.preInvocation(({ invocationContext, inputs }) => {
    const entry = (statistics.functions[invocationContext.functionName] ??= {
      count: 0,
      events: 0,
      longestHistory: 0,
      bytes: 0,
    });
    entry.count += 1;
    const [input] = inputs as { history?: unknown[] }[];
    entry.bytes += JSON.stringify(input ?? null).length;
    const events = input?.history?.length ?? 0;
    entry.events += events;
    entry.longestHistory = Math.max(entry.longestHistory, events);
  });
  const keyOf = (request: ClientRequest) => {
    const service = ports[new URL(`http://${String(request.getHeader('host'))}`).port];
    return service && `${service} ${subjectOf(request.path)} ${request.method}`;
  };
  const entryOf = (key: string) =>
    (statistics.requests[key] ??= { count: 0, bytesSent: 0, bytesReceived: 0 });
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest };
    const key = keyOf(request);
    if (key === undefined) return;
    const entry = entryOf(key);
    entry.count += 1;
    entry.bytesSent += Number(request.getHeader('content-length') ?? 0);
  });
  // A connection has one answer after the other.
  const counted = new WeakMap<Socket, number>();
  subscribe('http.client.response.finish', (message) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const key = keyOf(request);
    if (key === undefined) return;
    const { socket } = response;
    response.once('end', () => {
      entryOf(key).bytesReceived += socket.bytesRead - (counted.get(socket) ?? 0);
      counted.set(socket, socket.bytesRead);
    });
  });
  // Whoever reads the file must find all of it.
  const write = async (): Promise<void> => {
    const next = `${file}.next`;
    await writeFile(next, JSON.stringify(statistics));
    await rename(next, file);
  };
  let isWriting = false;
  setInterval(() => {
    if (isWriting) return;
    isWriting = true;
    const { user, system } = process.cpuUsage();
    statistics.cpuSeconds = (user + system) / 1e6;
    void write().finally(() => (isWriting = false));
  }, WRITE_EVERY_MS).unref();
}

/**
 * `/account/Table(PartitionKey=…)` and `/account/queue/messages` come to their first name, a query of a table,
 * `/account/Table()`, to `Table()`.
 */
function subjectOf(path: string): string {
  return decodeURIComponent(path.split('/')[2] ?? '').replace(/\?.*$|\([^)].*$/, '');
}
