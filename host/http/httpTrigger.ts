/** A request into a function and its answer out of it, both streamed. */
import { createRequire } from 'node:module';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Invoker } from '../invocation.ts';
import type { RouteMatch } from './routes.ts';

/** The classes of the app's own `@azure/functions`: its functions get its own objects. */
export interface HttpClasses {
  HttpRequest: new (init: {
    nativeRequest: Request;
    params: Readonly<Record<string, string>>;
  }) => object;
  HttpResponse: new (init: object) => HttpResponseLike;
}

interface HttpResponseLike {
  readonly status: number;
  readonly headers: Headers;
  readonly cookies: readonly Cookie[];
  readonly body: ReadableStream<Uint8Array> | null;
}

interface Cookie {
  name: string;
  value: string;
  domain?: string;
  path?: string;
  expires?: Date | number;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: string;
  maxAge?: number;
}

export function loadHttpClasses(appRoot: string): HttpClasses {
  return createRequire(path.join(appRoot, 'package.json'))('@azure/functions') as HttpClasses;
}

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export async function runHttpTrigger(
  classes: HttpClasses,
  invoker: Invoker,
  match: RouteMatch,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const { result } = await invoker.invoke(match.route.fn, {
    triggerValue: {
      value: new classes.HttpRequest({
        nativeRequest: toRequest(request, url),
        params: match.parameters,
      }),
    },
  });
  await sendResult(classes, result, request.method === 'HEAD', response);
}

function toRequest(request: IncomingMessage, url: URL): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (HOP_BY_HOP.has(name) || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  const method = request.method ?? 'GET';
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers });
  const body = Readable.toWeb(request);
  return new Request(url, { method, headers, body: body as RequestInit['body'], duplex: 'half' });
}

async function sendResult(
  classes: HttpClasses,
  result: unknown,
  isHead: boolean,
  response: ServerResponse,
): Promise<void> {
  if (result === undefined || result === null) {
    response.writeHead(204).end();
    return;
  }
  if (typeof result !== 'object') {
    throw new Error(
      'The HTTP response must be an object with optional properties "body", "status", "headers", and "cookies".',
    );
  }
  const answer =
    result instanceof classes.HttpResponse
      ? (result as unknown as HttpResponseLike)
      : new classes.HttpResponse(result);
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) {
    if (name !== 'set-cookie' && !HOP_BY_HOP.has(name)) response.setHeader(name, value);
  }
  const cookies = [...answer.headers.getSetCookie(), ...answer.cookies.map(serializeCookie)];
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  if (!answer.body || isHead) {
    await answer.body?.cancel();
    response.end();
    return;
  }
  await pipeline(Readable.fromWeb(answer.body), response);
}

function serializeCookie(cookie: Cookie): string {
  const parts = [`${cookie.name}=${encodeURIComponent(cookie.value)}`];
  if (cookie.maxAge !== undefined) parts.push(`Max-Age=${Math.floor(cookie.maxAge)}`);
  if (cookie.domain) parts.push(`Domain=${cookie.domain}`);
  if (cookie.path) parts.push(`Path=${cookie.path}`);
  if (cookie.expires !== undefined) {
    parts.push(`Expires=${new Date(cookie.expires).toUTCString()}`);
  }
  if (cookie.httpOnly) parts.push('HttpOnly');
  if (cookie.secure) parts.push('Secure');
  if (cookie.sameSite) parts.push(`SameSite=${cookie.sameSite}`);
  return parts.join('; ');
}
