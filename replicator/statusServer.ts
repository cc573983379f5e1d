import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StatusAnswer {
  status: number;
  contentType: string;
  body: string;
}

/** What the replicator says of itself, by path: `/health`, `/metrics`. */
export type StatusPages = Readonly<Record<string, () => StatusAnswer | Promise<StatusAnswer>>>;

export interface StatusServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Answers GET for the pages, over plain HTTP.
 *
 * @param port 0: a free one.
 * @param address Default: every one, because the platform's probes come from outside of the container.
 *   Then the pages must tell nothing of what is moved.
 */
export async function startStatusServer(
  port: number,
  pages: StatusPages,
  address?: string,
): Promise<StatusServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(page === undefined ? 404 : 405).end();
      return;
    }
    void Promise.resolve()
      .then(page)
      .catch(() => ({ status: 500, contentType: 'text/plain', body: '' }))
      .then(({ status, contentType, body }) => {
        response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
        response.end(request.method === 'HEAD' ? undefined : body);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
