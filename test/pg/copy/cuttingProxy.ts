import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

/** A TCP proxy on 127.0.0.1 that can cut its connections in the middle of what a server sends. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts every connection once the server has sent this much over it; undefined: never. */
  cutAfterBytes: number | undefined;
  /** Where connections from now on lead to, as after a failover behind one address. */
  serverPort: number;
  /** Cuts every connection now. */
  cut(): void;
  /** Connections that were cut. */
  readonly cutCount: number;
}

export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let cutCount = 0;
  const server = createServer((client) => {
    const upstream = connect(proxy.serverPort, '127.0.0.1');
    let seen = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      seen += chunk.length;
      if (proxy.cutAfterBytes !== undefined && seen > proxy.cutAfterBytes) {
        cutCount++;
        client.destroy();
        upstream.destroy();
        return;
      }
      if (!client.write(chunk)) {
        upstream.pause();
        client.once('drain', () => upstream.resume());
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const proxy: CuttingProxy = {
    port: typeof address === 'object' && address ? address.port : 0,
    cutAfterBytes: undefined,
    serverPort,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    get cutCount() {
      return cutCount;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
