import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusalOf } from '../../shared/notifications/webhookSignature.ts';
import type { PrintedEvent } from './eventLine.ts';

/** A CloudEvent as it came. */
export interface ReceivedEvent extends PrintedEvent {
  id: string;
  source: string;
}

export interface ReceiverOptions {
  /** 0: a free one. */
  port: number;
  /** One of them is to fit; without any no signature is checked. */
  secrets: readonly string[];
  onEvent: (event: ReceivedEvent) => void;
  /** A request that was not taken, and why. */
  onRefusal: (reason: string) => void;
}

export interface EventReceiver extends AsyncDisposable {
  port: number;
}

const BODY_LIMIT = 2 * 1024 * 1024;

/** Events that come again are told by their ids; so many are remembered. */
const MOST_IDS = 100_000;

interface Answer {
  status: number;
  headers?: Record<string, string>;
  reason?: string;
}

/** A receiver of CloudEvents over HTTP: one or a batch in a request, with the handshake of webhooks. */
export async function startEventReceiver(options: ReceiverOptions): Promise<EventReceiver> {
  const seen = new Set<string>();
  const take = (event: ReceivedEvent) => {
    const key = `${event.source} ${event.id}`;
    if (seen.has(key)) return;
    seen.add(key);
    const [oldest] = seen;
    if (seen.size > MOST_IDS && oldest !== undefined) seen.delete(oldest);
    options.onEvent(event);
  };
  const answerTo = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method === 'OPTIONS') return consentTo(request);
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST, OPTIONS' } };
    const body = await readBody(request);
    if (body === undefined) return { status: 413, reason: 'It is too large.' };
    const received = { headers: request.headers, body, now: new Date() };
    const refusals = options.secrets.map((secret) => refusalOf({ ...received, secret }));
    const [reason] = refusals;
    if (reason !== undefined && !refusals.includes(undefined)) return { status: 401, reason };
    const events = readEvents(body);
    if (events === undefined) return { status: 400, reason: 'It is no CloudEvent in JSON.' };
    events.forEach(take);
    return { status: 200 };
  };
  const server = createServer((request, response) => {
    answerTo(request).then(
      (answer) => {
        if (answer.reason !== undefined) options.onRefusal(answer.reason);
        reply(response, answer);
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whoever asks may send: it is one machine. */
function consentTo({ headers }: IncomingMessage): Answer {
  const origin = headers['webhook-request-origin'];
  return {
    status: 200,
    headers: {
      allow: 'POST',
      ...(typeof origin === 'string' ? { 'webhook-allowed-origin': origin } : {}),
      ...(headers['webhook-request-rate'] === undefined ? {} : { 'webhook-allowed-rate': '*' }),
    },
  };
}

function reply(response: ServerResponse, { status, headers, reason }: Answer): void {
  response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(reason ?? '');
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readEvents(body: string): ReceivedEvent[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  const events = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
  return events.every(isEvent) ? events : undefined;
}

function isEvent(value: unknown): value is ReceivedEvent {
  if (typeof value !== 'object' || value === null) return false;
  const event = value as Record<string, unknown>;
  const texts = ['id', 'source', 'type', 'subject', 'time'];
  const hasTexts = texts.every((name) => typeof event[name] === 'string');
  return hasTexts && typeof event['data'] === 'object' && event['data'] !== null;
}
