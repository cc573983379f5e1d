import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Authority } from './certificates.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/arm');

/** The subscription of the recorded answers. */
export const AZURE_SUBSCRIPTION = 'ffffffff-ffff-4fff-8fff-ffffffffffff';

/** Recorded answers of Azure Resource Manager over TLS, and the identity of an App Service. */
export interface RecordedAzure extends AsyncDisposable {
  readonly endpoint: string;
  /** Of a process that is to log in here. */
  readonly environment: NodeJS.ProcessEnv;
  /** Paths that were asked for with the identity's token. */
  readonly asked: string[];
  /** What is answered instead of the recorded server. */
  answer: (path: string) => { status: number; body: unknown } | 'never' | undefined;
}

const TOKEN = 'recorded-token';

export async function startRecordedAzure(authority: Authority): Promise<RecordedAzure> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(path.join(FIXTURES, name), 'utf8'));
  const [server, configuration] = await Promise.all([
    read('server.json'),
    read('configuration.json'),
  ]);
  const replica = (name: string) => ({ name, properties: { replicationRole: 'AsyncReplica' } });
  const identity = createHttpServer((request, response) => {
    const isKnown = request.headers['x-identity-header'] === 'header';
    response.writeHead(isKnown ? 200 : 403, { 'content-type': 'application/json' });
    const expires = Math.floor(Date.now() / 1000) + 3600;
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    const resource = searchParams.get('resource');
    const token = { access_token: TOKEN, expires_on: expires, resource, token_type: 'Bearer' };
    response.end(JSON.stringify(isKnown ? token : {}));
  });
  const azure: Omit<RecordedAzure, typeof Symbol.asyncDispose> = {
    endpoint: '',
    environment: {},
    asked: [],
    answer: () => undefined,
  };
  const arm = createServer(await authority.serverCertificate(), (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'https://localhost');
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, {});
    azure.asked.push(pathname);
    const changed = azure.answer(pathname);
    if (changed === 'never') return undefined;
    if (changed !== undefined) return answer(changed.status, changed.body);
    if (pathname.endsWith('/replicas')) {
      return answer(200, { value: [replica('exampleserver-1'), replica('exampleserver-2')] });
    }
    return answer(200, pathname.endsWith('/azure.extensions') ? configuration : server);
  });
  const servers: HttpServer[] = [identity, arm];
  await Promise.all(
    servers.map(
      (started) => new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve)),
    ),
  );
  const portOf = (started: HttpServer) => (started.address() as AddressInfo).port;
  return Object.assign(azure, {
    endpoint: `https://127.0.0.1:${portOf(arm)}`,
    environment: {
      IDENTITY_ENDPOINT: `http://127.0.0.1:${portOf(identity)}/token`,
      IDENTITY_HEADER: 'header',
    },
    [Symbol.asyncDispose]: async () => {
      for (const started of servers) started.closeAllConnections();
      await Promise.all(servers.map((started) => new Promise((resolve) => started.close(resolve))));
    },
  });
}
