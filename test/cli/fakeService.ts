import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MigrationResource } from '../../cli/apiClient.ts';

export interface ReceivedRequest {
  method: string;
  path: string;
  body: unknown;
}

/** Answers GETs with the given resources, one after the other; the last one for ever. */
export interface FakeService extends AsyncDisposable {
  readonly url: string;
  readonly requests: ReceivedRequest[];
}

export interface FakeAnswers {
  resources: MigrationResource[];
  /** The first answers a PATCH instead of the next resource; all replace those that are left. */
  afterPatch?: MigrationResource | MigrationResource[];
  /** Status and body of the answer to PUT; 201 with the first resource when absent. */
  put?: { status: number; body: object };
  /** What GET …/validation answers. */
  validation?: object;
}

/** An API that only plays back: for tests of rendering and exit codes, never of a migration. */
export async function startFakeService(answers: FakeAnswers): Promise<FakeService> {
  const requests: ReceivedRequest[] = [];
  let left = [...answers.resources];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      requests.push({ method: request.method ?? '', path: url.pathname, body });
      const answer = (status: number, value: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(value));
      };
      if (request.method === 'PUT') {
        return answer(answers.put?.status ?? 201, answers.put?.body ?? left[0] ?? {});
      }
      if (request.method === 'PATCH' && answers.afterPatch) left = [answers.afterPatch].flat();
      if (url.pathname.endsWith('/tables')) return answer(200, { value: [] });
      if (url.pathname.endsWith('/validation')) return answer(200, answers.validation ?? {});
      return answer(200, (left.length > 1 ? left.shift() : left[0]) ?? {});
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}
