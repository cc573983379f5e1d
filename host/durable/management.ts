/** The management API of Durable Functions: what the npm client and its public twin call. */
import type { FunctionTable } from '../functionTable.ts';
import { errorText } from '../log.ts';
import type { Engine } from './engine.ts';
import { InstanceExistsError } from './engine.ts';
import { newEvent } from './history.ts';
import { describeHistory } from './historyView.ts';
import { managementUrls } from './urls.ts';
import type { HubAddress } from './urls.ts';
import { hasEnded } from './store.ts';
import type { HubStore, InstanceFilter, InstanceRecord, RuntimeStatus } from './store.ts';

export interface ManagementRequest {
  readonly method: string;
  /** Below the API's base, without a leading slash, still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface ManagementResponse {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface ManagementOptions {
  engine: Engine;
  store: HubStore;
  functions: FunctionTable;
  address: () => HubAddress;
}

const CONTINUATION_HEADER = 'x-ms-continuation-token';
const DEFAULT_PAGE_SIZE = 100;
const STATUSES: readonly RuntimeStatus[] = [
  'Pending',
  'Running',
  'Suspended',
  'Completed',
  'Failed',
  'Terminated',
];

class RequestError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function manage(
  options: ManagementOptions,
  request: ManagementRequest,
): Promise<ManagementResponse> {
  try {
    return await route(options, request);
  } catch (error) {
    if (error instanceof RequestError) {
      return { status: error.status, body: { Message: error.message } };
    }
    if (error instanceof InstanceExistsError)
      return { status: 409, body: { Message: error.message } };
    return { status: 500, body: { Message: errorText(error) } };
  }
}

async function route(
  options: ManagementOptions,
  request: ManagementRequest,
): Promise<ManagementResponse> {
  const [kind, first, operation, argument] = decodePath(request.path);
  const { method } = request;
  if (kind === 'orchestrators' && first !== undefined && method === 'POST') {
    return startInstance(options, request, first, operation);
  }
  if (kind === 'entities') {
    throw new RequestError(501, 'The local host does not support entities.');
  }
  if (kind !== 'instances') throw new RequestError(404, 'There is no such operation.');
  if (first === undefined) {
    if (method === 'GET') return listInstances(options, request);
    if (method === 'DELETE') return purgeInstances(options, request);
  } else if (operation === undefined) {
    if (method === 'GET') return getInstance(options, request, first);
    if (method === 'DELETE') return purgeInstance(options, first);
  } else if (method === 'POST') {
    return changeInstance(options, request, first, operation.toLowerCase(), argument);
  }
  throw new RequestError(404, 'There is no such operation.');
}

function decodePath(path: string): (string | undefined)[] {
  const segments = path.split('/').filter((segment) => segment !== '');
  const [kind, ...rest] = segments.map((segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      throw new RequestError(400, 'The path is not encoded correctly.');
    }
  });
  return [kind?.toLowerCase(), ...rest];
}

async function startInstance(
  options: ManagementOptions,
  request: ManagementRequest,
  name: string,
  instanceId: string | undefined,
): Promise<ManagementResponse> {
  const fn = options.functions.orchestrator(name);
  if (!fn) throw new RequestError(400, options.functions.unknown('orchestrator', name));
  if (instanceId !== undefined) checkInstanceId(instanceId);
  const id = await options.engine.start({
    name: fn.name,
    instanceId,
    input: startInput(request),
    version: request.query.get('version') ?? undefined,
  });
  const urls = managementUrls(options.address(), id);
  return {
    status: 202,
    headers: { Location: urls['statusQueryGetUri'] ?? '', 'Retry-After': '10' },
    body: urls,
  };
}

/** The npm client sends an empty body with a content type: that is an empty text, not nothing. */
function startInput(request: ManagementRequest): string | null {
  if (request.body === '') return request.headers['content-type'] === undefined ? null : '""';
  return checkJson(request.body);
}

function checkJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new RequestError(400, 'The request body is not valid JSON.');
  }
}

function checkInstanceId(id: string): void {
  if (id.length === 0 || id.length > 100 || id.startsWith('@') || /[/\\#?\p{Cc}]/u.test(id)) {
    throw new RequestError(
      400,
      'An instance id has 1 to 100 characters, does not start with @, and has no / \\ # ? or control characters.',
    );
  }
}

async function findInstance(options: ManagementOptions, id: string): Promise<InstanceRecord> {
  const record = await options.engine.find(id);
  if (!record) throw new RequestError(404, `No instance with ID '${id}' found.`);
  return record;
}

async function getInstance(
  options: ManagementOptions,
  request: ManagementRequest,
  id: string,
): Promise<ManagementResponse> {
  const record = await findInstance(options, id);
  const flag = (name: string): boolean => request.query.get(name)?.toLowerCase() === 'true';
  const body = describeInstance(record, request.query.get('showInput')?.toLowerCase() !== 'false');
  if (flag('showHistory')) {
    const live = options.engine.live(id);
    const log = live ? undefined : await options.store.readExecutions([record.executionId]);
    const episodes = log?.get(record.executionId)?.episodes ?? [];
    body['historyEvents'] = describeHistory(live?.history, episodes, flag('showHistoryOutput'));
  }
  if (hasEnded(record.status)) return { status: 200, body };
  const location = managementUrls(options.address(), id)['statusQueryGetUri'] ?? '';
  return { status: 202, headers: { Location: location, 'Retry-After': '5' }, body };
}

function describeInstance(record: InstanceRecord, showInput: boolean): Record<string, unknown> {
  const value = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
  return {
    name: record.name,
    instanceId: record.instanceId,
    runtimeStatus: record.status,
    input: showInput ? value(record.input) : null,
    customStatus: value(record.customStatus),
    output: value(record.output),
    createdTime: seconds(record.createdAt),
    lastUpdatedTime: seconds(record.updatedAt),
  };
}

/** The real host gives whole seconds. */
function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

function filterOf(query: URLSearchParams): InstanceFilter {
  const time = (name: string): Date | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    const parsed = new Date(text);
    if (Number.isNaN(parsed.getTime())) throw new RequestError(400, `${name} is not a time.`);
    return parsed;
  };
  const statuses = (query.get('runtimeStatus') ?? '')
    .split(',')
    .filter((text) => text !== '')
    .map((text) => {
      const status = STATUSES.find((known) => known.toLowerCase() === text.trim().toLowerCase());
      // Two more that the real host knows; no instance of this one is ever in them.
      if (!status && !/^(canceled|continuedasnew)$/i.test(text.trim())) {
        throw new RequestError(400, `'${text}' is not a runtime status.`);
      }
      return status ?? (text as RuntimeStatus);
    });
  const createdFrom = time('createdTimeFrom');
  const createdTo = time('createdTimeTo');
  const idPrefix = query.get('instanceIdPrefix');
  return {
    statuses,
    ...(createdFrom ? { createdFrom } : {}),
    ...(createdTo ? { createdTo } : {}),
    ...(idPrefix ? { idPrefix } : {}),
  };
}

async function listInstances(
  options: ManagementOptions,
  request: ManagementRequest,
): Promise<ManagementResponse> {
  const top = Number(request.query.get('top') ?? 0) || DEFAULT_PAGE_SIZE;
  const token = request.headers[CONTINUATION_HEADER];
  const after = typeof token === 'string' && token !== '' ? fromToken(token) : undefined;
  await options.engine.flush();
  const { records, last } = await options.store.listInstances(filterOf(request.query), top, after);
  const showInput = request.query.get('showInput')?.toLowerCase() !== 'false';
  const body = records.map((record) =>
    describeInstance(options.engine.live(record.instanceId)?.record ?? record, showInput),
  );
  const headers: Record<string, string> = {};
  if (last !== undefined) headers[CONTINUATION_HEADER] = Buffer.from(last).toString('base64url');
  return { status: 200, headers, body };
}

function fromToken(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}

async function purgeInstance(options: ManagementOptions, id: string): Promise<ManagementResponse> {
  const record = await findInstance(options, id);
  const isPurged = await options.engine.purge(record);
  return { status: 200, body: { instancesDeleted: isPurged ? 1 : 0 } };
}

async function purgeInstances(
  options: ManagementOptions,
  request: ManagementRequest,
): Promise<ManagementResponse> {
  const filter = filterOf(request.query);
  if (!filter.createdFrom) {
    throw new RequestError(400, 'Please provide value for createdTimeFrom parameter.');
  }
  await options.engine.flush();
  let deleted = 0;
  let after: string | undefined;
  do {
    const page = await options.store.listInstances(filter, 1000, after);
    for (const record of page.records) {
      if (hasEnded(record.status) && (await options.engine.purge(record))) deleted += 1;
    }
    after = page.last;
  } while (after !== undefined);
  return deleted === 0
    ? { status: 404, body: { instancesDeleted: 0 } }
    : { status: 200, body: { instancesDeleted: deleted } };
}

async function changeInstance(
  options: ManagementOptions,
  request: ManagementRequest,
  id: string,
  operation: string,
  argument: string | undefined,
): Promise<ManagementResponse> {
  const record = await findInstance(options, id);
  const reason = request.query.get('reason') ?? '';
  if (operation === 'rewind') {
    throw new RequestError(501, 'The local host does not support rewind.');
  }
  if (operation === 'restart') return restart(options, request, record);
  const instance = options.engine.live(id);
  if (!instance || instance.isEnded || hasEnded(record.status)) return { status: 410 };
  switch (operation) {
    case 'raiseevent': {
      if (!argument) throw new RequestError(400, 'The event has no name.');
      const input = request.body === '' ? null : checkJson(request.body);
      const event = newEvent('EventRaised', new Date(), { Name: argument, Input: input });
      await options.engine.send(instance, { kind: 'event', event });
      return { status: 202 };
    }
    case 'terminate':
    case 'suspend':
    case 'resume':
      await options.engine.send(instance, { kind: operation, reason });
      return { status: 202 };
    default:
      throw new RequestError(404, 'There is no such operation.');
  }
}

async function restart(
  options: ManagementOptions,
  request: ManagementRequest,
  record: InstanceRecord,
): Promise<ManagementResponse> {
  const isNew = request.query.get('restartWithNewInstanceId')?.toLowerCase() !== 'false';
  const id = await options.engine.start({
    name: record.name,
    instanceId: isNew ? undefined : record.instanceId,
    input: record.input,
    version: record.version,
  });
  return { status: 202, body: managementUrls(options.address(), id) };
}
