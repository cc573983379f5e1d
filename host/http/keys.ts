/**
 * Keys are settings: FUNCTIONS_HOST_KEY opens functions of level `function`, FUNCTIONS_SYSTEM_KEY
 * the Durable webhooks, FUNCTIONS_MASTER_KEY everything. When none is set, none is needed, as with
 * the Core Tools; when one is, every level but `anonymous` needs the right one.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface HostKeys {
  readonly master: string | undefined;
  readonly host: string | undefined;
  readonly system: string | undefined;
}

export type AccessLevel = 'anonymous' | 'function' | 'system' | 'admin';

export function readKeys(setting: (name: string) => string | undefined): HostKeys {
  const key = (name: string): string | undefined => setting(name) || undefined;
  return {
    master: key('FUNCTIONS_MASTER_KEY'),
    host: key('FUNCTIONS_HOST_KEY'),
    system: key('FUNCTIONS_SYSTEM_KEY'),
  };
}

export function isAllowed(
  keys: HostKeys,
  level: AccessLevel,
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): boolean {
  const hasKeys = keys.master !== undefined || keys.host !== undefined || keys.system !== undefined;
  if (level === 'anonymous' || !hasKeys) return true;
  const header = headers['x-functions-key'];
  const given = typeof header === 'string' ? header : query.get('code');
  if (given === null) return false;
  // Both are always compared, so that the time taken tells nothing.
  const isMaster = isEqual(given, keys.master);
  const isOwn = isEqual(given, keyOfLevel(keys, level));
  return isMaster || isOwn;
}

function keyOfLevel(keys: HostKeys, level: AccessLevel): string | undefined {
  if (level === 'function') return keys.host;
  return level === 'system' ? keys.system : undefined;
}

function isEqual(given: string, expected: string | undefined): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const areSame = timingSafeEqual(digest(given), digest(expected ?? ''));
  return areSame && expected !== undefined;
}
