import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { openapiDocument } from '../../shared/api/openapi.ts';
import { messageOf } from '../../shared/errors/migrationError.ts';
import { runtime } from '../../shared/state/runtime.ts';

let text: string | undefined;

export function answerOpenapi(): HttpResponseInit {
  text ??= JSON.stringify(openapiDocument(), undefined, 2);
  return { body: text, headers: { 'content-type': 'application/json' } };
}

/** Healthy is who has valid settings and reaches the state. */
export async function answerHealth(): Promise<HttpResponseInit> {
  try {
    await runtime();
    return { jsonBody: { status: 'healthy' } };
  } catch (error) {
    return { status: 503, jsonBody: { status: 'unhealthy', reason: messageOf(error) } };
  }
}

export function redirectToDashboard(request: HttpRequest): HttpResponseInit {
  return { status: 302, headers: { location: new URL('/ui/', request.url).pathname } };
}
