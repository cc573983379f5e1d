import { subscribe } from 'node:diagnostics_channel';
import { writeFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
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

export interface Statistics {
  /** Processor time of the host's process. */
  cpuSeconds: number;
  functions: Record<string, Invocations>;
  /** Requests to the storage, by service, what they are about, and method. */
  requests: Record<string, { count: number; bytesSent: number }>;
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
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest & { port?: number } };
    const service = ports[new URL(`http://${String(request.getHeader('host'))}`).port];
    if (service === undefined) return;
    const key = `${service} ${subjectOf(request.path)} ${request.method}`;
    const entry = (statistics.requests[key] ??= { count: 0, bytesSent: 0 });
    entry.count += 1;
    entry.bytesSent += Number(request.getHeader('content-length') ?? 0);
  });
  let isWriting = false;
  setInterval(() => {
    if (isWriting) return;
    isWriting = true;
    const { user, system } = process.cpuUsage();
    statistics.cpuSeconds = (user + system) / 1e6;
    void writeFile(file, JSON.stringify(statistics)).finally(() => (isWriting = false));
  }, WRITE_EVERY_MS).unref();
}

/** `/account/Table(PartitionKey=…)` and `/account/queue/messages` come to their first name. */
function subjectOf(path: string): string {
  return decodeURIComponent(path.split('/')[2] ?? '').replace(/[(?].*$/, '');
}
