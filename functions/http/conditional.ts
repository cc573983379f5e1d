import { createHash } from 'node:crypto';
import type { ApiAnswer, ApiCall } from './call.ts';

/**
 * A mark may be a moment behind the row that it marks, and a crash can leave it out: what may still
 * change is believed to be the same for this long, and what has ended for longer.
 */
const BELIEVED_MS = 30_000;
const BELIEVED_WHEN_ENDED_MS = 10 * 60_000;

/** A part of a tag that is another one when what is known may be too old. */
export function timePart(isEnded: boolean, now = Date.now()): string {
  return String(Math.floor(now / (isEnded ? BELIEVED_WHEN_ENDED_MS : BELIEVED_MS)));
}

/**
 * A weak entity tag: equal ones mean the same state, not the same bytes, as the rows are read after
 * the marks that the tag is made of.
 */
export function weakTag(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return `W/"${hash.digest('base64url').slice(0, 22)}"`;
}

/** Answers 304 when the caller has this state already; `read` is called only when it has not. */
export async function answerTagged(
  { request }: Pick<ApiCall, 'request'>,
  etag: string,
  read: () => Promise<unknown>,
): Promise<ApiAnswer> {
  // Kept by the browser, and asked for again each time.
  const headers = { etag, 'cache-control': 'private, no-cache' };
  if (isKnown(request.headers.get('if-none-match'), etag)) return { status: 304, headers };
  return { jsonBody: await read(), headers };
}

/** The caller knows a state, and it is not this one. */
export function isOutdated({ request }: Pick<ApiCall, 'request'>, etag: string): boolean {
  const given = request.headers.get('if-none-match');
  return given !== null && !isKnown(given, etag);
}

/** The weak comparison of RFC 9110; tags of ours have no comma. */
function isKnown(given: string | null, etag: string): boolean {
  if (given === null) return false;
  const known = given.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etag.slice(2));
}
