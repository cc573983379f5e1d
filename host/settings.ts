/** The app's settings: environment over local.settings.json, and host.json. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseLogLevel } from './log.ts';
import type { LogLevel } from './log.ts';

export interface HostSettings {
  /** Prefix of all HTTP routes, without slashes; may be empty. */
  readonly routePrefix: string;
  readonly queues: QueueSettings;
  readonly durable: DurableSettings;
  /** Longest run of one function; undefined is unlimited. */
  readonly functionTimeoutMs: number | undefined;
  readonly logLevel: LogLevel;
  /** Application settings, for bindings that name one. */
  readonly setting: (name: string) => string | undefined;
}

export interface QueueSettings {
  readonly maxPollingIntervalMs: number;
  /** How long a message stays hidden after its function failed. */
  readonly visibilityTimeoutMs: number;
  readonly batchSize: number;
  readonly newBatchThreshold: number;
  readonly maxDequeueCount: number;
  readonly base64: boolean;
}

export interface DurableSettings {
  readonly hubName: string;
  /** Of an orchestration that is started without one. */
  readonly defaultVersion: string;
  readonly maxConcurrentActivities: number;
  readonly maxConcurrentOrchestrators: number;
}

type Json = Record<string, unknown>;

export async function readSettings(appRoot: string): Promise<HostSettings> {
  await applyLocalSettings(appRoot);
  const host = withOverrides(await readJson(path.join(appRoot, 'host.json')), process.env);
  const setting = (name: string): string | undefined => process.env[name];
  const extensions = section(host, 'extensions');
  const durable = section(extensions, 'durableTask');
  const queues = section(extensions, 'queues');
  const batchSize = numberOr(queues['batchSize'], 16);
  return {
    routePrefix: stringOr(section(extensions, 'http')['routePrefix'], 'api').replace(
      /^\/+|\/+$/g,
      '',
    ),
    queues: {
      maxPollingIntervalMs: durationMs(queues['maxPollingInterval']) ?? 60_000,
      visibilityTimeoutMs: durationMs(queues['visibilityTimeout']) ?? 0,
      batchSize,
      newBatchThreshold: numberOr(queues['newBatchThreshold'], Math.floor(batchSize / 2)),
      maxDequeueCount: numberOr(queues['maxDequeueCount'], 5),
      base64: stringOr(queues['messageEncoding'], 'base64').toLowerCase() !== 'none',
    },
    durable: {
      hubName: resolvePlaceholders(stringOr(durable['hubName'], 'TestHubName'), setting),
      defaultVersion: stringOr(durable['defaultVersion'], ''),
      maxConcurrentActivities: numberOr(durable['maxConcurrentActivityFunctions'], 10),
      maxConcurrentOrchestrators: numberOr(durable['maxConcurrentOrchestratorFunctions'], 20),
    },
    functionTimeoutMs: timeoutOf(host['functionTimeout']),
    logLevel: parseLogLevel(
      setting('FUNCTIONS_HOST_LOG_LEVEL') ??
        stringOr(section(section(host, 'logging'), 'logLevel')['default'], 'information'),
    ),
    setting,
  };
}

/** `%NAME%` in a binding's option stands for the application setting NAME. */
export function resolvePlaceholders(
  text: string,
  setting: (name: string) => string | undefined,
): string {
  return text.replace(/%([^%]+)%/g, (_whole, name: string) => {
    const value = setting(name);
    if (value === undefined) throw new Error(`The application setting ${name} is missing.`);
    return value;
  });
}

/** A .NET TimeSpan (`[d.]hh:mm:ss[.fff]`) in milliseconds; undefined when it is none. */
export function durationMs(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$/.exec(text);
  if (!match) return undefined;
  const [, days, hours, minutes, seconds, fraction] = match;
  const total =
    ((Number(days ?? 0) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds ?? 0);
  return total * 1000 + Math.round(Number(`0.${fraction ?? 0}`) * 1000);
}

const OVERRIDE_PREFIX = 'AzureFunctionsJobHost__';

/** `AzureFunctionsJobHost__a__b` overrides a.b of host.json, as on the real host. */
function withOverrides(host: Json, environment: NodeJS.ProcessEnv): Json {
  const result = structuredClone(host);
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(OVERRIDE_PREFIX) || value === undefined) continue;
    const keys = name.slice(OVERRIDE_PREFIX.length).split('__');
    const last = keys.pop() ?? '';
    let parent = result;
    for (const key of keys) {
      parent[key] = section(parent, key);
      parent = parent[key] as Json;
    }
    // A text, as .NET's configuration has it: the version 1.0 is not the number 1.
    parent[last] = value;
  }
  return result;
}

function timeoutOf(value: unknown): number | undefined {
  return value === '-1' || value === -1 ? undefined : durationMs(value);
}

/** The environment wins over the file, as with the Core Tools. */
async function applyLocalSettings(appRoot: string): Promise<void> {
  const local = await readJson(path.join(appRoot, 'local.settings.json'));
  for (const [name, value] of Object.entries(section(local, 'Values'))) {
    if (process.env[name] === undefined && typeof value === 'string') process.env[name] = value;
  }
}

async function readJson(file: string): Promise<Json> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as Json;
  } catch (cause) {
    throw new Error(`${path.basename(file)} is not valid JSON.`, { cause });
  }
}

function section(parent: Json, name: string): Json {
  const value = parent[name];
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function stringOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

function numberOr(value: unknown, fallback: number): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : fallback;
}
