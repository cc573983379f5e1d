import { CURRENT_API_VERSION } from '../../shared/api/vocabulary.ts';
import { ApiFailure } from './failure.ts';
import type { FailureDetail } from './failure.ts';
import { currentKey, noteRefusal } from './session.ts';

export interface CallOptions {
  method?: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  body?: object;
  query?: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal;
}

/** Answers that the service may call unchanged (304), by their address. */
const known = new Map<string, { etag: string; body: unknown }>();
const MOST_KNOWN = 64;

/**
 * One request to the service. A GET whose answer has not changed gives the same object again, so
 * that nothing is drawn anew.
 *
 * @throws ApiFailure
 */
export async function callApi<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
  const { method = 'GET' } = options;
  const address = addressOf(path, options.query ?? {});
  const before = method === 'GET' ? known.get(address) : undefined;
  const response = await ask(address, options, before?.etag);
  if (response.status === 304 && before !== undefined) return before.body as Answer;
  const text = await response.text();
  const answer = (text === '' ? undefined : JSON.parse(text)) as Answer;
  const etag = response.headers.get('etag');
  if (method === 'GET' && etag !== null) remember(address, etag, answer);
  return answer;
}

/**
 * An answer as it is, to be saved as a file.
 *
 * @throws ApiFailure
 */
export async function fetchFile(path: string, options: CallOptions = {}): Promise<Blob> {
  return (await ask(addressOf(path, options.query ?? {}), options, undefined)).blob();
}

/** @throws ApiFailure for every answer but a good one and, where a tag is sent, 304. */
async function ask(
  address: string,
  { method = 'GET', body, signal }: CallOptions,
  etag: string | undefined,
): Promise<Response> {
  const response = await send(address, {
    method,
    headers: headersOf(method, body, etag),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
    credentials: 'same-origin',
    // Who is not signed in is sent to a page of another origin, which an API call has no use for.
    redirect: 'manual',
  });
  if (response.type === 'opaqueredirect' || response.status === 401) {
    noteRefusal();
    throw new ApiFailure(401, { message: 'You are not signed in.' });
  }
  const isKnown = response.status === 304 && etag !== undefined;
  if (!response.ok && !isKnown) throw failureOf(response.status, await response.text());
  return response;
}

/** Forgets what was read before: after a change, or for another key. */
export function forgetAnswers(): void {
  known.clear();
}

function addressOf(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(path, location.origin);
  if (!url.searchParams.has('api-version')) {
    url.searchParams.set('api-version', CURRENT_API_VERSION);
  }
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  // The next page of a list is named by the service, which may know itself by another name.
  return `${url.pathname}${url.search}`;
}

function headersOf(
  method: string,
  body: object | undefined,
  etag: string | undefined,
): Record<string, string> {
  const key = currentKey();
  return {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(key === undefined ? {} : { 'x-functions-key': key }),
    // A form of another site cannot send it.
    ...(method === 'GET' ? {} : { 'x-pgmove-request': '1' }),
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
  };
}

async function send(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ApiFailure(0, { message: 'The service cannot be reached.' }, { cause: error });
  }
}

function failureOf(status: number, text: string): ApiFailure {
  try {
    const { error } = JSON.parse(text) as {
      error?: FailureDetail & { details?: FailureDetail[] };
    };
    if (error !== undefined) return new ApiFailure(status, error);
  } catch {
    // Not the service's own answer, but that of something before it.
  }
  return new ApiFailure(status, {});
}

function remember(address: string, etag: string, body: unknown): void {
  known.delete(address);
  known.set(address, { etag, body });
  const [oldest] = known.keys();
  if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
}
