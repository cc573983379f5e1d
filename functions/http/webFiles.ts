import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';

/** The dashboard as `npm run build` leaves it, beside the compiled functions. */
const FOLDER = path.resolve(import.meta.dirname, '../../web');

/** Files of the build have a hash in their name and never change; the page that names them does. */
const HASHED = /^assets\/.+-[\w-]{8,}\.\w+$/;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** The page loads nothing from elsewhere, runs no inline script, and stands in no frame. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

interface WebFile {
  body: Buffer;
  /** Absent where it would save nothing. */
  gzipped?: Buffer;
  headers: Record<string, string>;
}

let files: Promise<ReadonlyMap<string, WebFile>> | undefined;

/**
 * GET /ui/{*path}. Only what the build made can be asked for: a path is looked up among the names
 * of its files and never becomes a path of the disk.
 */
export async function answerWebFile(request: HttpRequest): Promise<HttpResponseInit> {
  const name = request.params['path'] ?? '';
  if (name === '' && !new URL(request.url).pathname.endsWith('/')) {
    return { status: 308, headers: { ...SECURITY_HEADERS, location: '/ui/' } };
  }
  files ??= readFiles(FOLDER);
  const file = (await files).get(name === '' ? 'index.html' : name);
  if (file === undefined) return notFound();
  if (request.headers.get('if-none-match') === file.headers['etag']) {
    return { status: 304, headers: file.headers };
  }
  const takesGzip = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
  if (file.gzipped === undefined || !takesGzip) return { body: file.body, headers: file.headers };
  return { body: file.gzipped, headers: { ...file.headers, 'content-encoding': 'gzip' } };
}

function notFound(): HttpResponseInit {
  const headers = { ...SECURITY_HEADERS, 'content-type': 'text/plain; charset=utf-8' };
  return { status: 404, headers, body: 'There is no such file of the dashboard.\n' };
}

async function readFiles(folder: string): Promise<ReadonlyMap<string, WebFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const found = new Map<string, WebFile>();
  for (const entry of entries) {
    const full = path.join(entry.parentPath, entry.name);
    const type = TYPES[path.extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const name = path.relative(folder, full).replaceAll(path.sep, '/');
    found.set(name, await toWebFile(name, type, await readFile(full)));
  }
  return found;
}

async function toWebFile(name: string, type: string, body: Buffer): Promise<WebFile> {
  const small = await promisify(gzip)(body, { level: 9 });
  const etag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return {
    body,
    ...(small.length < body.length ? { gzipped: small } : {}),
    headers: {
      ...SECURITY_HEADERS,
      'content-type': type,
      'cache-control': HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
      // Weak: the same for both encodings.
      etag: `W/"${etag}"`,
      vary: 'accept-encoding',
    },
  };
}
