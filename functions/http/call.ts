import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { ApiError, armErrorBody } from '../../shared/api/errors.ts';
import { checkApiVersion, parseServerPath, scopeOf } from '../../shared/api/path.ts';
import type { ServerPath } from '../../shared/api/path.ts';
import { kindOf } from '../../shared/errors/classify.ts';
import { MigrationError, messageOf } from '../../shared/errors/migrationError.ts';
import { callLog } from '../../shared/telemetry/log.ts';
import { runtime } from '../../shared/state/runtime.ts';
import type { Runtime } from '../../shared/state/runtime.ts';
import type { Instances } from '../durable/instances.ts';
import { requireRole } from './access.ts';
import { refuseForeignPage } from './browser.ts';

/** One request to the resource API, with what every operation needs. */
export interface ApiCall extends Runtime {
  request: HttpRequest;
  context: InvocationContext;
  path: ServerPath;
  /** Partition of the Migrations table. */
  scope: string;
  /** Of the path; empty where it has none. */
  migrationName: string;
  client: Instances;
}

export interface ApiAnswer extends Omit<HttpResponseInit, 'headers'> {
  headers?: Record<string, string>;
}

export type ApiHandler = (call: ApiCall) => Promise<ApiAnswer>;
export type Method = 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';

const BODY_LIMIT = 1024 * 1024;
const DRAIN_LIMIT = 16 * BODY_LIMIT;

/** The host hands every method to the function, which refuses the ones it has not: 405, not 404. */
export function apiFunction(handlers: Partial<Record<Method, ApiHandler>>) {
  return async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    const handler = handlers[request.method as Method];
    if (handler === undefined) {
      return withHeaders(methodNotAllowed(request.method, Object.keys(handlers)), context);
    }
    return answerChecked(request, context, (opened) => {
      const path = parseServerPath(request.params);
      return handler({
        ...opened,
        request,
        context,
        path,
        scope: scopeOf(path),
        migrationName: request.params.migrationName ?? '',
        client: df.getClient(context),
      });
    });
  };
}

/** What every answer of the API goes through: who asks, in which version, and how errors are told. */
export async function answerChecked(
  request: HttpRequest,
  context: InvocationContext,
  answer: (opened: Runtime) => Promise<ApiAnswer>,
): Promise<HttpResponseInit> {
  try {
    const opened = await runtime();
    refuseForeignPage(request, opened.settings.publicHosts);
    requireRole(request, opened.settings);
    checkApiVersion(request.query.get('api-version'));
    return withHeaders(await answer(opened), context);
  } catch (error) {
    return withHeaders(errorAnswer(error, context), context);
  }
}

function withHeaders(answer: ApiAnswer, context: InvocationContext): HttpResponseInit {
  const headers = { 'cache-control': 'no-store', ...answer.headers };
  return { ...answer, headers: { ...headers, 'x-ms-request-id': context.invocationId } };
}

function methodNotAllowed(method: string, allowed: string[]): ApiAnswer {
  const message = `Method ${method} is not allowed here; allowed are ${allowed.join(', ')}.`;
  return {
    status: 405,
    headers: { allow: allowed.join(', ') },
    jsonBody: armErrorBody(new ApiError(405, 'MethodNotAllowed', message)),
  };
}

function errorAnswer(error: unknown, context: InvocationContext): ApiAnswer {
  const refusal = asApiError(error);
  if (refusal.status >= 500) callLog(context).error('request failed', { error: messageOf(error) });
  return {
    status: refusal.status,
    jsonBody: armErrorBody(refusal),
    ...(HEADERS[refusal.status] === undefined ? {} : { headers: HEADERS[refusal.status] }),
  };
}

const HEADERS: Readonly<Record<number, Record<string, string>>> = {
  401: { 'www-authenticate': 'Bearer' },
  503: { 'retry-after': '2' },
};

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof MigrationError && error.kind === 'invalidInput') {
    return new ApiError(400, 'InvalidInput', error.message);
  }
  if (kindOf(error) === 'connectionFailed') {
    const message = 'The state store or the orchestration service cannot be reached. Try again.';
    return new ApiError(503, 'ServiceUnavailable', message);
  }
  return new ApiError(500, 'InternalServerError', 'The request failed; the log says why.');
}

/**
 * @throws ApiError 413 above 1 MB, however the length is announced. What is too much is read and
 *   dropped, up to a bound: a connection with an unread rest would break with the answer.
 */
export async function readText(request: HttpRequest): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size <= BODY_LIMIT) chunks.push(chunk);
    if (size > DRAIN_LIMIT) break;
  }
  if (size > BODY_LIMIT) {
    const message = `The body has more than ${BODY_LIMIT} bytes.`;
    throw new ApiError(413, 'RequestEntityTooLarge', message);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `top` of a paged list. */
export function readTop(text: string | null, name: string): number {
  if (text === null) return 100;
  const top = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (top >= 1 && top <= 1_000) return top;
  throw new ApiError(400, 'InvalidParameterValue', `Parameter '${name}' must be 1 to 1000.`, {
    target: name,
  });
}

/** The address of the next page: the same request with the continuation in it. */
export function nextLink(
  request: HttpRequest,
  parameter: string,
  continuation: string | undefined,
): { nextLink?: string } {
  if (continuation === undefined) return {};
  const url = new URL(request.url);
  url.searchParams.set(parameter, continuation);
  return { nextLink: url.href };
}

/** Reads a page; a continuation that the store refuses is the caller's. */
export async function readPage<T>(parameter: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const status = (error as { statusCode?: unknown } | null)?.statusCode;
    const isMalformed = error instanceof SyntaxError || status === 400;
    if (!isMalformed) throw error;
    throw new ApiError(400, 'InvalidParameterValue', `Parameter '${parameter}' is not valid.`, {
      target: parameter,
    });
  }
}
