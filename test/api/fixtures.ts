import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HttpRequest, InvocationContext } from '@azure/functions';
import type { HttpResponseInit } from '@azure/functions';
import { input } from 'durable-functions';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { runtime } from '../../shared/state/runtime.ts';
import type { Runtime } from '../../shared/state/runtime.ts';

/**
 * The API over HTTP without a Functions host: its routes behind a small server, Azurite for the
 * state, and the durable extension's own HTTP interface played by FakeDurable.
 */
export interface ApiFixture extends Runtime {
  url: string;
  azurite: RunningAzurite;
  durable: FakeDurable;
  stop(): Promise<void>;
}

export interface FakeDurable {
  url: string;
  /** Instance id → what it was started with, and its status. */
  instances: Map<string, { name: string; input: unknown; runtimeStatus: string }>;
  events: { id: string; event: string; body: string }[];
  /** Every start that came, also of an id that is there. */
  starts: string[];
  /** The service answers 500 as long as it is set. */
  isDown: boolean;
}

export async function startApi(env: NodeJS.ProcessEnv = {}): Promise<ApiFixture> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-api-'));
  const azurite = await startAzurite({ folder: path.join(folder, 'azurite') });
  Object.assign(process.env, {
    AzureWebJobsStorage: azurite.connectionString,
    PGMOVE_SECRETS: `file:${path.join(folder, 'secrets')}`,
    ...env,
  });
  const [durableServer, durable] = await startDurable();
  const { API_ROUTES } = await import('../../functions/http/routes.ts');
  const routes = API_ROUTES.map((route) => ({ ...route, pattern: patternOf(route.route) }));
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
      const route = routes.find((item) => item.pattern.test(url.pathname));
      const body = await readAll(request);
      const answer: HttpResponseInit =
        route === undefined
          ? { status: 404 }
          : ((await route.handler(
              requestOf(request, url, body, route.pattern),
              contextOf(route.name, durable.url),
            )) as HttpResponseInit);
      response.writeHead(answer.status ?? 200, {
        'content-type': 'application/json',
        ...(answer.headers as Record<string, string>),
      });
      response.end(answer.jsonBody === undefined ? answer.body : JSON.stringify(answer.jsonBody));
    })();
  });
  const url = await listen(server);
  return {
    ...(await runtime()),
    url,
    azurite,
    durable,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      durableServer.close();
      durableServer.closeAllConnections();
      await azurite.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function patternOf(route: string): RegExp {
  return new RegExp(`^/${route.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`, 'i');
}

function requestOf(request: IncomingMessage, url: URL, body: Buffer, pattern: RegExp): HttpRequest {
  const params = Object.entries(pattern.exec(url.pathname)?.groups ?? {});
  return new HttpRequest({
    method: request.method,
    url: url.href,
    headers: Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)])),
    query: Object.fromEntries(url.searchParams),
    params: Object.fromEntries(params.map(([name, value]) => [name, decodeURIComponent(value)])),
    body: { bytes: body },
  });
}

export function contextOf(functionName: string, durableUrl: string): InvocationContext {
  const binding = input.durableClient();
  const context = new InvocationContext({
    invocationId: 'invocation-1',
    functionName,
    options: { extraInputs: [binding] },
    logHandler: () => undefined,
  });
  context.extraInputs.set(binding, {
    taskHubName: 'test',
    creationUrls: {},
    managementUrls: {},
    rpcBaseUrl: `${durableUrl}/`,
  });
  return context;
}

/** Instances exist and get events; nothing runs. */
async function startDurable(): Promise<[Server, FakeDurable]> {
  const durable: FakeDurable = {
    url: '',
    instances: new Map(),
    events: [],
    starts: [],
    isDown: false,
  };
  const server = createServer((request, response) => {
    void (async () => {
      const body = (await readAll(request)).toString();
      const [status, answer] = durable.isDown ? [500, {}] : play(durable, request, body);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    })();
  });
  durable.url = await listen(server);
  return [server, durable];
}

function play(durable: FakeDurable, request: IncomingMessage, body: string): [number, unknown] {
  const [, area, first = '', second = '', third = ''] = (request.url ?? '').split(/[/?]/);
  if (area === 'orchestrators') {
    durable.starts.push(second);
    if (durable.instances.get(second)?.runtimeStatus === 'Running') return [409, {}];
    const started = { name: first, input: JSON.parse(body) as unknown, runtimeStatus: 'Running' };
    durable.instances.set(second, started);
    return [202, { id: second }];
  }
  const instance = durable.instances.get(first);
  if (instance === undefined) return [404, {}];
  if (second !== 'raiseEvent') {
    const time = '2026-01-01T00:00:00Z';
    return [
      200,
      { ...instance, instanceId: first, output: null, createdTime: time, lastUpdatedTime: time },
    ];
  }
  if (instance.runtimeStatus !== 'Running') return [410, {}];
  durable.events.push({ id: first, event: third, body });
  return [202, {}];
}

export const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
export const SERVER_PATH = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Local/providers/Microsoft.DBforPostgreSQL/flexibleServers/target1`;
export const SECRET = 'Zeugnis-7f3a-geheim';

export interface Answer {
  status: number;
  headers: Headers;
  body: {
    [key: string]: unknown;
    properties?: Record<string, unknown> & {
      currentStatus?: {
        state: string;
        error: string;
        currentSubStateDetails: Record<string, unknown>;
      };
    };
    error?: { code: string; message: string; target?: string; details?: unknown[] };
    value?: Record<string, unknown>[];
    nextLink?: string;
  };
}

export async function call(
  url: string,
  method: string,
  body?: unknown,
  apiVersion: string | undefined = '2025-08-01',
): Promise<Answer> {
  const address = new URL(url);
  if (apiVersion !== undefined) address.searchParams.set('api-version', apiVersion);
  const response = await fetch(address, {
    method,
    redirect: 'manual',
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
  };
}

/** A body that is fine; `change` goes into the properties. */
export function putBody(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    location: 'local',
    properties: {
      sourceDbServerResourceId: '127.0.0.1:5432@postgres',
      targetDbServerFullyQualifiedDomainName: '127.0.0.1:5433',
      secretParameters: {
        adminCredentials: { sourceServerPassword: SECRET, targetServerPassword: SECRET },
        targetServerUsername: 'mover',
      },
      dbsToMigrate: ['shop'],
      ...change,
    },
  };
}
