import type { HttpRequest } from '@azure/functions';
import { ApiError } from '../../shared/api/errors.ts';

/** Another site's page cannot send it: the browser would ask us first, and we do not consent. */
export const REQUEST_HEADER = 'X-Pgmove-Request';

/**
 * Refuses what a page of another site makes a browser send. A browser adds cookies, and reaches a
 * service on its own machine, whoever wrote the page; command line and SDKs send none of the headers
 * looked at here.
 *
 * @param publicHosts Host names (with the port, if any) by which a proxy in front is reached.
 * @throws ApiError 403.
 */
export function refuseForeignPage(request: HttpRequest, publicHosts: readonly string[]): void {
  const { headers } = request;
  const origin = headers.get('origin');
  if (origin !== null && !isOwnOrigin(origin, new URL(request.url), publicHosts)) {
    throw new ApiError(
      403,
      'OriginNotAllowed',
      'Requests from pages of another origin are refused. Where a proxy answers for this service under another name, that name belongs into PGMOVE_PUBLIC_HOSTS.',
      { target: 'Origin' },
    );
  }
  if (request.method === 'GET') return;
  const site = headers.get('sec-fetch-site');
  if (origin === null && site !== null && site !== 'same-origin' && site !== 'none') {
    throw new ApiError(
      403,
      'OriginNotAllowed',
      'Changes that a page of another site asks for are refused.',
      { target: 'Sec-Fetch-Site' },
    );
  }
  if (!isFromBrowser(headers) || headers.get(REQUEST_HEADER) === '1') return;
  throw new ApiError(
    403,
    'MissingRequestHeader',
    `A change that comes from a browser needs the header ${REQUEST_HEADER}: 1.`,
    { target: REQUEST_HEADER },
  );
}

/**
 * The address is the one that the Functions host has seen. X-Forwarded-Host is not looked at: any
 * client can send it, so only names that the operator has given count.
 */
function isOwnOrigin(origin: string, own: URL, publicHosts: readonly string[]): boolean {
  const given = URL.parse(origin);
  if (given === null || (given.protocol !== 'https:' && given.protocol !== 'http:')) return false;
  // TLS may end in front of the host, which then sees http; the other way round is another origin.
  if (given.protocol === 'http:' && own.protocol !== 'http:') return false;
  const isNamed = publicHosts.some((host) => host.toLowerCase() === given.host);
  return given.host === own.host || (isNamed && given.protocol === 'https:');
}

/** A cookie of Easy Auth leads to its header without a token of the caller's own. */
function isFromBrowser(headers: HttpRequest['headers']): boolean {
  const hasCookieLogin = headers.has('x-ms-client-principal') && !headers.has('authorization');
  return headers.has('origin') || headers.has('sec-fetch-site') || hasCookieLogin;
}
