/** The host's HTTP server: guards, then the host's own paths, then the app's routes. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { manage } from '../durable/management.ts';
import type { ManagementOptions } from '../durable/management.ts';
import { WEBHOOK_PATH } from '../durable/urls.ts';
import type { FunctionTable } from '../functionTable.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { Logger } from '../log.ts';
import { isForeign } from './guard.ts';
import { runHttpTrigger } from './httpTrigger.ts';
import type { HttpClasses } from './httpTrigger.ts';
import { isAllowed } from './keys.ts';
import type { AccessLevel, HostKeys } from './keys.ts';
import { matchRoutes } from './routes.ts';
import type { Route } from './routes.ts';

export interface HttpOptions {
  routes: readonly Route[];
  functions: FunctionTable;
  classes: HttpClasses;
  invoker: Invoker;
  logger: Logger;
  keys: HostKeys;
  management: ManagementOptions;
  isReady: () => boolean;
}

export const HOST = '127.0.0.1';
const RPC_PATH = '/durabletask/';
const LONGEST_MANAGEMENT_BODY = 64 * 1024 * 1024;

type Listener = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

/** The public server: functions, management webhooks, admin. */
export function createHttpServer(options: HttpOptions): Server {
  return guarded(options.logger, (request, response, url) =>
    serve(options, request, response, url),
  );
}

/** The loopback listener that the durable client binding points to. It needs no key. */
export function createRpcServer(options: HttpOptions): Server {
  return guarded(options.logger, async (request, response, url) => {
    if (!url.pathname.startsWith(RPC_PATH)) return sendJson(response, 404);
    return answerManagement(options, request, response, url, url.pathname.slice(RPC_PATH.length));
  });
}

export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

function guarded(logger: Logger, listener: Listener): Server {
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    if (isForeign(request.headers, port)) {
      request.resume();
      sendJson(response, 403, { message: 'Requests from other hosts or origins are refused.' });
      return;
    }
    const url = parseUrl(request, port);
    if (!url) {
      sendJson(response, 400);
      return;
    }
    listener(request, response, url).catch((error: unknown) => {
      logger.write('error', 'http', `${request.method} ${url.pathname}: ${errorText(error)}`);
      if (response.headersSent) response.destroy();
      else sendJson(response, 500);
    });
  });
  // A request may run as long as its function does.
  server.requestTimeout = 0;
  return server;
}

function parseUrl(request: IncomingMessage, port: number): URL | undefined {
  try {
    return new URL(request.url ?? '/', `http://${request.headers.host ?? `${HOST}:${port}`}`);
  } catch {
    return undefined;
  }
}

async function serve(
  options: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const path = url.pathname.toLowerCase();
  const allows = (level: AccessLevel): boolean =>
    isAllowed(options.keys, level, request.headers, url.searchParams);
  if (path === WEBHOOK_PATH || path.startsWith(`${WEBHOOK_PATH}/`)) {
    if (!allows('system')) return sendJson(response, 401);
    const rest = url.pathname.slice(WEBHOOK_PATH.length + 1);
    return answerManagement(options, request, response, url, rest);
  }
  if (path === '/admin' || path.startsWith('/admin/')) {
    return answerAdmin(options, path, allows, response);
  }
  if (path.startsWith('/runtime/')) return sendJson(response, 404);
  return answerFunction(options, request, response, url, allows);
}

function answerAdmin(
  options: HttpOptions,
  path: string,
  allows: (level: AccessLevel) => boolean,
  response: ServerResponse,
): void {
  if (path === '/admin/host/ping') return sendJson(response, 200);
  if (!allows('admin')) return sendJson(response, 401);
  if (path === '/admin/host/status') {
    const state = options.isReady() ? 'Running' : 'Starting';
    return sendJson(response, 200, { state, version: '4.1037.0', id: 'local' });
  }
  if (path === '/admin/functions') {
    const body = options.functions.all.map(({ name, bindings }) => ({
      name,
      language: 'node',
      isDisabled: false,
      config: {
        bindings: Object.entries(bindings).map(([binding, value]) => ({ name: binding, ...value })),
      },
    }));
    return sendJson(response, 200, body);
  }
  return sendJson(response, 404);
}

async function answerFunction(
  options: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  allows: (level: AccessLevel) => boolean,
): Promise<void> {
  const method = request.method ?? 'GET';
  const matches = matchRoutes(options.routes, url.pathname);
  const takes = (wanted: string) => matches.find(({ route }) => route.methods.includes(wanted));
  const match = takes(method) ?? (method === 'HEAD' ? takes('GET') : undefined);
  if (!match) {
    request.resume();
    const methods = [...new Set(matches.flatMap(({ route }) => route.methods))];
    if (method === 'OPTIONS' && methods.length > 0) {
      response.writeHead(204, { allow: [...methods, 'OPTIONS'].join(', ') }).end();
      return;
    }
    return sendJson(response, 404);
  }
  if (!allows(levelOf(match.route))) {
    request.resume();
    return sendJson(response, 401);
  }
  await runHttpTrigger(options.classes, options.invoker, match, request, response, url);
}

function levelOf(route: Route): AccessLevel {
  if (route.authLevel === 'anonymous') return 'anonymous';
  return route.authLevel === 'admin' ? 'admin' : 'function';
}

async function answerManagement(
  options: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  path: string,
): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return sendJson(response, 413);
  const answer = await manage(options.management, {
    method: request.method ?? 'GET',
    path,
    query: url.searchParams,
    headers: request.headers,
    body,
  });
  sendJson(response, answer.status, answer.body, answer.headers);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST_MANAGEMENT_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(
  response: ServerResponse,
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    ...(text === '' ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  });
  response.end(text);
}
