import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CloudEvent } from '../../../shared/notifications/cloudEvent.ts';

/** One request that came, whatever was answered. */
export interface SinkRequest {
  method: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Of a POST. */
  events: CloudEvent[];
}

/** What to answer: a status, or nothing for ever. */
export type SinkAnswer = { status: number; headers?: Record<string, string> } | 'nothing';

/** A real HTTP server that takes what a topic or a webhook would. */
export interface Sink {
  url: string;
  port: number;
  requests: SinkRequest[];
  /** Events of requests that were answered with 200, in the order of their arrival. */
  taken: CloudEvent[];
  /** Decides each answer; a POST is taken and an OPTIONS allowed unless it says otherwise. */
  answer: (request: SinkRequest) => SinkAnswer | undefined;
  /** Resolves when so many requests have come. */
  came(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startSink(): Promise<Sink> {
  const waiting: { count: number; resolve: () => void }[] = [];
  const sink: Sink = {
    url: '',
    port: 0,
    requests: [],
    taken: [],
    answer: () => undefined,
    came: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve });
        tell();
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const tell = () => {
    for (const { count, resolve } of waiting) if (sink.requests.length >= count) resolve();
  };
  const server = createServer((incoming, response) => {
    let body = '';
    incoming.setEncoding('utf8').on('data', (part: string) => (body += part));
    incoming.on('end', () => {
      const { method = '', headers } = incoming;
      const parsed = body === '' ? [] : (JSON.parse(body) as CloudEvent | CloudEvent[]);
      const request = { method, headers, body, events: [parsed].flat() };
      sink.requests.push(request);
      const answer = sink.answer(request) ?? standardAnswer(request);
      if (answer !== 'nothing') reply(response, answer);
      if (answer !== 'nothing' && answer.status === 200) sink.taken.push(...request.events);
      tell();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  sink.port = (server.address() as AddressInfo).port;
  sink.url = `http://127.0.0.1:${sink.port}/api/events`;
  return sink;
}

function reply(response: ServerResponse, answer: Exclude<SinkAnswer, 'nothing'>): void {
  response.writeHead(answer.status, answer.headers).end();
}

function standardAnswer({ method, headers }: SinkRequest): Exclude<SinkAnswer, 'nothing'> {
  if (method !== 'OPTIONS') return { status: 200 };
  const origin = String(headers['webhook-request-origin']);
  return { status: 200, headers: { 'webhook-allowed-origin': origin, allow: 'POST' } };
}
