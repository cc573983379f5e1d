/**
 * A local Azure Functions host. It runs an unchanged function app in its own process, against
 * Azurite, and knows nothing of what the app does.
 */
import type { Server } from 'node:http';
import path from 'node:path';
import { installCore, runHooks } from './core.ts';
import type { RegisteredFunction } from './core.ts';
import { Engine } from './durable/engine.ts';
import { HubStore } from './durable/store.ts';
import { clientBinding } from './durable/urls.ts';
import type { HubAddress } from './durable/urls.ts';
import { loadFunctions } from './functionTable.ts';
import type { FunctionTable } from './functionTable.ts';
import { loadHttpClasses } from './http/httpTrigger.ts';
import { readKeys } from './http/keys.ts';
import { compileRoutes } from './http/routes.ts';
import { HOST, createHttpServer, createRpcServer, listen } from './http/server.ts';
import type { HttpOptions } from './http/server.ts';
import { createInvoker } from './invocation.ts';
import type { Invoker } from './invocation.ts';
import { createLogger } from './log.ts';
import type { Logger } from './log.ts';
import { readSettings } from './settings.ts';
import type { HostSettings } from './settings.ts';
import { openStorage } from './storage.ts';
import type { Storage } from './storage.ts';
import { listenToQueue } from './triggers/queueTrigger.ts';
import { listenToTimer } from './triggers/timerTrigger.ts';

export interface HostOptions {
  /** Folder of the function app: package.json, host.json. Default: the current one. */
  appRoot?: string;
  /** Default 7071; 0 takes a free one. */
  port?: number;
  /** How long running functions may take to end when the host stops. Default 10 s. */
  graceMs?: number;
  /** Called when the host cannot go on; it should be stopped then. */
  onFatal?: (error: unknown) => void;
}

export interface RunningHost {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

const DEFAULT_PORT = 7071;
const DEFAULT_GRACE_MS = 10_000;
const SUPPORTED_TRIGGERS = new Set([
  'httptrigger',
  'queuetrigger',
  'timertrigger',
  'orchestrationtrigger',
  'activitytrigger',
]);
const CLIENT_BINDINGS = new Set(['durableclient', 'orchestrationclient']);

export async function startHost(options: HostOptions = {}): Promise<RunningHost> {
  const appRoot = path.resolve(options.appRoot ?? process.cwd());
  const settings = await readSettings(appRoot);
  const connection = settings.setting('AzureWebJobsStorage');
  if (!connection) throw new Error('The setting AzureWebJobsStorage is missing.');
  const logger = createLogger(settings.logLevel);
  installCore(logger);
  const storage = openStorage(connection);
  const stopping = new AbortController();
  const store = new HubStore(storage, settings.durable.hubName, {
    signal: stopping.signal,
    onRetry: (error) => logger.write('debug', 'storage', String(error)),
  });
  const servers: { http?: Server; rpc?: Server } = {};
  let address: HubAddress | undefined;
  const hubAddress = (): HubAddress => {
    if (!address) throw new Error('The host has no address yet.');
    return address;
  };
  const invoker = createInvoker({
    logger,
    timeoutMs: settings.functionTimeoutMs,
    inputBinding: (type) =>
      CLIENT_BINDINGS.has(type.toLowerCase()) ? { json: clientBinding(hubAddress()) } : undefined,
  });
  // The hub is made while the app's modules load.
  const created = store.create();
  created.catch(() => undefined);
  const functions = await loadFunctions(appRoot);
  checkTriggers(functions);
  await created;
  const engine = new Engine({
    store,
    functions,
    invoker,
    logger,
    defaultVersion: settings.durable.defaultVersion,
    maxConcurrentActivities: settings.durable.maxConcurrentActivities,
    maxConcurrentOrchestrators: settings.durable.maxConcurrentOrchestrators,
    strictTasks: settings.setting('FUNCTIONS_HOST_STRICT_TASKS') === '1',
    onFatal: (error) => options.onFatal?.(error),
  });
  let isReady = false;
  const keys = readKeys(settings.setting);
  const http: HttpOptions = {
    routes: compileRoutes(functions.withTrigger('httpTrigger'), settings.routePrefix),
    functions,
    classes: loadHttpClasses(appRoot),
    invoker,
    logger,
    keys,
    management: { engine, store, functions, address: hubAddress },
    isReady: () => isReady,
  };
  servers.http = createHttpServer(http);
  servers.rpc = createRpcServer(http);
  const [port, rpcPort] = await Promise.all([
    listen(servers.http, options.port ?? DEFAULT_PORT),
    listen(servers.rpc, 0),
  ]);
  const origin = `http://${HOST}:${port}`;
  // Without it the durable client rewrites every address to port 7071.
  process.env['WEBSITE_HOSTNAME'] = `${HOST}:${port}`;
  address = {
    origin,
    rpcBaseUrl: `http://${HOST}:${rpcPort}/durabletask/`,
    hubName: settings.durable.hubName,
    systemKey: keys.system ?? keys.master,
  };
  await runHooks('appStart', {});
  await engine.open();
  const listeners = await startListeners({ storage, settings, invoker, logger, functions });
  isReady = true;
  store.prepareLargeTexts().catch(() => undefined);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    isReady = false;
    // New connections are refused, requests that run go on.
    const closed = [closeServer(servers.http), closeServer(servers.rpc)];
    const graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    const told = runHooks('appTerminate', {}).catch((error: unknown) =>
      logger.write('warning', 'host', String(error)),
    );
    const drained = Promise.all([told, ...listeners.map((listener) => listener.stop())]);
    await Promise.all([engine.stop(graceMs), atMost(drained, graceMs)]);
    stopping.abort();
    servers.http?.closeAllConnections();
    servers.rpc?.closeAllConnections();
    await Promise.all(closed);
  };
  return { url: origin, stop: () => (stopped ??= stop()) };
}

function checkTriggers(functions: FunctionTable): void {
  for (const { name, trigger, bindings } of functions.all) {
    if (!SUPPORTED_TRIGGERS.has(trigger.type.toLowerCase())) {
      throw new Error(`The local host does not support ${trigger.type} (function ${name}).`);
    }
    for (const [bindingName, binding] of Object.entries(bindings)) {
      if (binding === trigger || bindingName === '$return') continue;
      if (CLIENT_BINDINGS.has(binding.type.toLowerCase())) continue;
      throw new Error(
        `The local host does not support the binding ${bindingName} of type ${binding.type} (function ${name}).`,
      );
    }
  }
}

interface ListenerOptions {
  storage: Storage;
  settings: HostSettings;
  invoker: Invoker;
  logger: Logger;
  functions: FunctionTable;
}

async function startListeners(
  options: ListenerOptions,
): Promise<readonly { stop(): Promise<void> }[]> {
  const { functions, settings } = options;
  const start = (fn: RegisteredFunction) => listenToQueue(options, fn);
  const queues = await Promise.all(functions.withTrigger('queueTrigger').map(start));
  const timers = functions
    .withTrigger('timerTrigger')
    .map((fn) => listenToTimer({ ...options, setting: settings.setting }, fn));
  return [...queues, ...timers];
}

function closeServer(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!server) {
      resolve();
      return;
    }
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
