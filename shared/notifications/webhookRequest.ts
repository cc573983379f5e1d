import { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { isLinkLocal } from '../pg/linkLocal.ts';
import { MigrationError } from '../errors/migrationError.ts';

export interface WebhookRequest {
  method: 'OPTIONS' | 'POST';
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export interface WebhookAnswer {
  status: number;
  headers: IncomingHttpHeaders;
}

/**
 * One request. Redirects are not followed, and no connection is made to a link-local address, also
 * not behind a name: the addresses are looked at when the connection is made.
 */
export function sendToWebhook(url: URL, request: WebhookRequest): Promise<WebhookAnswer> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A name is looked up, an address is not.
  if (isIP(host) !== 0 && isLinkLocal(host)) return Promise.reject(refusedHost(host));
  const { method, body, signal } = request;
  const headers = {
    ...request.headers,
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const open = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const outgoing = open(url, { method, headers, signal, lookup: lookupElsewhere });
    outgoing.on('error', reject);
    outgoing.on('response', (answer: IncomingMessage) => {
      // Status and headers are all that counts; the rest is read so that the connection can be kept.
      answer.on('error', () => undefined);
      answer.resume();
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
    });
    outgoing.end(body);
  });
}

const lookupElsewhere: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, options, (error, found, family) => {
    const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
    if (error === null && addresses.some(isLinkLocal)) callback(refusedHost(hostname), '');
    else callback(error, found, family);
  });
};

function refusedHost(host: string): MigrationError {
  return new MigrationError('invalidInput', `${host} is a link-local address, which is refused.`);
}
