import { setTimeout as pause } from 'node:timers/promises';
import type { ReportFormat } from '../shared/api/report/format.ts';
import type { EventList } from '../shared/api/events.ts';
import type { ValidationReport } from '../shared/api/validationReport.ts';
import { bearerHeader } from './bearerToken.ts';
import { EXIT, CommandError } from './exitCode.ts';

/** The part of the resource that the command line reads; everything else is passed through. */
export interface MigrationResource {
  name: string;
  properties: MigrationProperties;
  [name: string]: unknown;
}

export interface MigrationProperties {
  migrationId?: string;
  migrationMode?: string;
  sourceDbServerResourceId?: string;
  /** `host:port` */
  sourceDbServerFullyQualifiedDomainName?: string;
  dbsToMigrate?: string[];
  targetDbNames?: Record<string, string>;
  startedOn?: string;
  endedOn?: string;
  /** What was asked for and not yet begun: `True` or `False`. */
  triggerCutover?: string;
  dbsToTriggerCutoverOn?: string[];
  cancel?: string;
  /** Of no database alone: roles. */
  notCarried?: { object: string; reason: string }[];
  currentStatus: {
    state: string;
    error?: string;
    currentSubStateDetails?: {
      currentSubState?: string;
      dbDetails?: Record<string, DatabaseDetails>;
      validationDetails?: ValidationSummary;
    };
  };
  [name: string]: unknown;
}

/** The documented counters, and ours beside them. */
export interface DatabaseDetails {
  databaseName?: string;
  targetDatabaseName?: string;
  migrationState?: string;
  migrationOperation?: string;
  startedOn?: string;
  endedOn?: string;
  fullLoadQueuedTables?: number;
  fullLoadErroredTables?: number;
  fullLoadLoadingTables?: number;
  fullLoadCompletedTables?: number;
  tablesTotal?: number;
  rowsCopied?: number;
  bytesCopied?: number;
  bytesTotal?: number;
  message?: string;
  notCarried?: { object: string; reason: string }[];
  verification?: {
    mode: string;
    tableCount: number;
    differences: { table: string; detail: string }[];
  };
  /** Seconds that the target is behind. */
  latency?: number;
  incomingChanges?: number;
  appliedChanges?: number;
  /** Of an online migration, once its changes are read. */
  stream?: StreamDetails;
  cutover?: CutoverDetails;
}

/** How far the replication of a database has come. */
export interface StreamDetails {
  /** copying, consistent, caughtUp or drained. */
  stage?: string;
  /** Why the stream stands still. */
  failure?: string;
  /** WAL of the source that is not applied yet. */
  lagBytes?: number;
  /** WAL that the slot keeps on the source. */
  retainedBytes?: number;
  unplannedTables?: string[];
  warnings?: string[];
}

/** The cutover of a database: the last one that was asked for. */
export interface CutoverDetails {
  requestedOn?: string;
  lsn?: string;
  fenced?: boolean;
  /** What was there before the fence: `pg_database.datacl`, null where it was the standard one. */
  fence?: { acl: string | null; readOnly: string | null };
  endedOn?: string;
  durationMs?: number;
  /** Why it failed; the database went back to replicating. */
  failure?: string;
}

export interface ValidationSummary {
  status?: string;
  serverLevelValidationDetails?: ValidationItem[];
  dbLevelValidationDetails?: { databaseName?: string; summary?: ValidationItem[] }[];
}

export interface ValidationItem {
  type?: string;
  state?: string;
  messages?: { state?: string; message?: string }[];
}

export interface TableProgress {
  schema: string;
  table: string;
  state: string;
  rows: number;
  bytes: number;
  bytesTotal?: number;
  error?: string;
}

export interface ApiLocation {
  /** `http://127.0.0.1:7071` */
  url: string;
  /** Function key, where the service asks for one. */
  key?: string;
}

export interface ServerScope {
  subscriptionId: string;
  resourceGroup: string;
  server: string;
}

/** What one machine uses where Azure has a subscription. */
export const LOCAL_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
export const LOCAL_RESOURCE_GROUP = 'local';

const API_VERSION = '2025-08-01';

export interface ApiError {
  code?: string;
  message?: string;
  target?: string;
  details?: ApiError[];
}

/** The service answered with an error. */
export class ApiResponseError extends CommandError {
  readonly status: number;
  readonly code: string | undefined;

  constructor(status: number, error: ApiError) {
    // 4xx is about what was asked; anything else went wrong on the other side.
    super(
      status >= 400 && status < 500 ? EXIT.usage : EXIT.failed,
      describeApiError(error, status),
    );
    this.name = 'ApiResponseError';
    this.status = status;
    this.code = error.code;
  }
}

/** `message (target, code)`, each detail on a line of its own. */
export function describeApiError(error: ApiError, status: number): string {
  const where = [error.target, error.code].filter(Boolean).join(', ');
  const text = error.message ?? `The service answered ${status}.`;
  const lines = [where === '' ? text : `${text} (${where})`];
  for (const detail of error.details ?? []) lines.push(`  ${describeApiError(detail, status)}`);
  return lines.join('\n');
}

export interface MigrationApi {
  create(name: string, body: object): Promise<MigrationResource>;
  /** With `waitSeconds` the answer comes when the state changes, or after that time. */
  get(name: string, options?: { waitSeconds?: number }): Promise<MigrationResource>;
  update(name: string, properties: object): Promise<MigrationResource>;
  /** Cancels, as DELETE does in the published service; undefined when there is no such migration. */
  cancel(name: string): Promise<MigrationResource | undefined>;
  list(filter: 'Active' | 'All'): Promise<MigrationResource[]>;
  resume(name: string): Promise<MigrationResource>;
  purge(name: string): Promise<void>;
  checkNameAvailability(name: string): Promise<Record<string, unknown>>;
  validation(name: string): Promise<ValidationReport>;
  /** All events behind a sequence number. */
  events(name: string, after: number): Promise<EventList>;
  /** As the text of the format. */
  report(name: string, query: { format: ReportFormat; tables?: 'all' }): Promise<string>;
  tables(name: string, database: string, query?: Record<string, string>): Promise<TableProgress[]>;
}

/** A client of the HTTP API for one target server. */
export function createApiClient(location: ApiLocation, scope: ServerScope): MigrationApi {
  const base =
    `/subscriptions/${encodeURIComponent(scope.subscriptionId)}` +
    `/resourceGroups/${encodeURIComponent(scope.resourceGroup)}` +
    `/providers/Microsoft.DBforPostgreSQL/flexibleServers/${encodeURIComponent(scope.server)}`;
  const one = (name: string): string => `${base}/migrations/${encodeURIComponent(name)}`;
  const call = (method: string, path: string, options: CallOptions = {}): Promise<unknown> =>
    callApi(location, method, path, options);
  return {
    create: async (name, body) => (await call('PUT', one(name), { body })) as MigrationResource,
    get: async (name, { waitSeconds } = {}) => {
      const headers: Record<string, string> =
        waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` };
      return (await call('GET', one(name), { headers })) as MigrationResource;
    },
    update: async (name, properties) =>
      (await call('PATCH', one(name), { body: { properties } })) as MigrationResource,
    cancel: async (name) => (await call('DELETE', one(name))) as MigrationResource | undefined,
    list: (filter) =>
      pages<MigrationResource>(location, `${base}/migrations`, { migrationListFilter: filter }),
    resume: async (name) => (await call('POST', `${one(name)}/resume`)) as MigrationResource,
    purge: async (name) => {
      await call('POST', `${one(name)}/purge`);
    },
    checkNameAvailability: async (name) =>
      (await call('POST', `${base}/checkMigrationNameAvailability`, {
        body: { name, type: 'Microsoft.DBforPostgreSQL/flexibleServers/migrations' },
      })) as Record<string, unknown>,
    events: async (name, after) => {
      let next: string | undefined = `${one(name)}/events`;
      const query: Record<string, string> = { after: String(after) };
      const all: EventList = { value: [], deliveries: [], problems: [] };
      for (let isFirst = true; next !== undefined; isFirst = false) {
        const page = (await call('GET', next, isFirst ? { query } : {})) as EventList;
        all.value.push(...page.value);
        Object.assign(all, { deliveries: page.deliveries, problems: page.problems });
        next = page.nextLink;
      }
      return all;
    },
    validation: async (name) => (await call('GET', `${one(name)}/validation`)) as ValidationReport,
    report: async (name, { format, tables }) => {
      const query = { format, ...(tables === undefined ? {} : { tables }) };
      const text = await callForText(location, 'GET', `${one(name)}/report`, { query });
      return format === 'json' ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : text;
    },
    tables: (name, database, query = {}) =>
      pages<TableProgress>(
        location,
        `${one(name)}/databases/${encodeURIComponent(database)}/tables`,
        query,
      ),
  };
}

/** The migrations of every server, newest first. */
export async function listEverywhere(
  location: ApiLocation,
): Promise<{ id: string; name: string }[]> {
  return pages(location, '/providers/Microsoft.DBforPostgreSQL/migrations', {});
}

interface CallOptions {
  headers?: Record<string, string>;
  body?: object;
  query?: Record<string, string>;
}

async function pages<Item>(
  location: ApiLocation,
  path: string,
  query: Record<string, string>,
): Promise<Item[]> {
  const items: Item[] = [];
  let next: string | undefined = path;
  while (next !== undefined) {
    const page = (await callApi(location, 'GET', next, next === path ? { query } : {})) as {
      value: Item[];
      nextLink?: string | null;
    };
    items.push(...page.value);
    next = page.nextLink ?? undefined;
  }
  return items;
}

/** A restarting service is given this long. */
const CONNECT_PATIENCE_MS = 15_000;

async function callApi(
  location: ApiLocation,
  method: string,
  path: string,
  options: CallOptions,
): Promise<unknown> {
  return parseJson(await callForText(location, method, path, options));
}

async function callForText(
  location: ApiLocation,
  method: string,
  path: string,
  options: CallOptions,
): Promise<string> {
  const url = new URL(path, location.url);
  if (!url.searchParams.has('api-version')) url.searchParams.set('api-version', API_VERSION);
  for (const [name, value] of Object.entries(options.query ?? {}))
    url.searchParams.set(name, value);
  const response = await send(url, {
    method,
    headers: {
      accept: 'application/json',
      ...options.headers,
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(location.key === undefined ? {} : { 'x-functions-key': location.key }),
      ...bearerHeader(url),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  if (response.ok) return text;
  const error = (parseJson(text) as { error?: ApiError } | undefined)?.error;
  throw new ApiResponseError(
    response.status,
    error ?? {
      message:
        text.trim().slice(0, 500) ||
        `The service answered ${response.status} to ${method} ${url.pathname}.`,
    },
  );
}

async function send(url: URL, request: RequestInit): Promise<Response> {
  const giveUpAt = Date.now() + CONNECT_PATIENCE_MS;
  for (;;) {
    try {
      return await fetch(url, request);
    } catch (error) {
      // Every call can be repeated: PUT with the same body is answered alike.
      if (Date.now() > giveUpAt) {
        const { cause } = error as { cause?: { code?: string; message?: string } };
        throw new CommandError(
          EXIT.failed,
          `The service at ${url.origin} cannot be reached: ${cause?.code ?? cause?.message ?? String(error)}. ` +
            'Is it running (pgmove up)?',
          { cause: error },
        );
      }
      await pause(250);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
