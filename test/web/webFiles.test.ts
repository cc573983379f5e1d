import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';
import { useBrowser } from './support/browser.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack();
});

afterAll(() => stack?.[Symbol.asyncDispose]());

const browser = useBrowser();

/** As it stands: `fetch` would tidy the path up before it is sent. */
function get(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(stack.url);
    const request = httpRequest({ hostname, port, path }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.once('error', reject);
    request.end();
  });
}

async function assetNames(): Promise<string[]> {
  const page = await (await fetch(`${stack.url}/ui/`)).text();
  return [...page.matchAll(/(?:src|href)="(\/ui\/assets\/[^"]+)"/g)].map(([, name = '']) => name);
}

test('the page has a strict policy, and is asked for again each time', async () => {
  const response = await fetch(`${stack.url}/ui/`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  const etag = response.headers.get('etag') ?? '';
  const again = await fetch(`${stack.url}/ui/`, { headers: { 'if-none-match': etag } });
  expect(again.status).toBe(304);
  expect(await again.text()).toBe('');
});

test('files with a hash in their name are kept for ever, and compressed where that is taken', async () => {
  const names = await assetNames();
  expect(names.map((name) => name.replace(/.*\./, '')).sort()).toEqual(['css', 'js', 'svg']);
  for (const name of names) {
    const response = await fetch(`${stack.url}${name}`);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const plain = await fetch(`${stack.url}${name}`, {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.text()).toBe(await response.text());
  }
});

test('nothing but the files of the build can be asked for', async () => {
  for (const path of [
    '/ui/../package.json',
    '/ui/..%2fpackage.json',
    '/ui/..%2f..%2fpackage.json',
    '/ui/%2e%2e/functions/api.js',
    '/ui/..%5cpackage.json',
    '/ui//etc/passwd',
    '/ui/%2fetc%2fpasswd',
    '/ui/assets/../../functions/api.js',
    '/ui/assets',
    '/ui/index.html%00.js',
  ]) {
    const { status, body } = await get(path);
    expect([path, status]).toEqual([path, 404]);
    expect(body).not.toMatch(/pgmove",|root:|app\.http/);
  }
});

test('the address without its slash leads to the page', async () => {
  const response = await fetch(`${stack.url}/ui`, { redirect: 'manual' });
  expect([response.status, response.headers.get('location')]).toEqual([308, '/ui/']);
});

test('the root of the service leads to the dashboard', async () => {
  const page = await browser.open(stack.url);
  await page.getByRole('heading', { name: 'Migrations', level: 1 }).waitFor();
  expect(page.url()).toBe(`${stack.url}/ui/`);
  await page.getByText('No migrations yet').waitFor();
});
