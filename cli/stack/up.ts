import { createServer } from 'node:net';
import { CommandError, EXIT, usageError } from '../exitCode.ts';
import type { UpOptions } from './command.ts';
import { startLocalStack } from './localStack.ts';
import type { WorkerGroup } from './localStack.ts';
import { findRunningStack, removeStackFile, stackFolder, writeStackFile } from './stackFile.ts';

/** Runs until a signal or until a part of the stack breaks; answers the exit code. */
export async function runUp(options: UpOptions): Promise<number> {
  const folder = stackFolder();
  const { runtime } = options;
  const running = await findRunningStack(folder, runtime);
  if (running !== undefined) {
    throw usageError(
      `The ${runtime === undefined ? 'stack' : `worker group ${runtime}`} of this folder runs already at ` +
        `${running.url} (process ${running.pids.up}).`,
    );
  }
  const group = runtime === undefined ? undefined : await groupOf(folder, runtime);
  // Registered first: a Ctrl-C during the start must stop what was started.
  const signal = new Promise<'signal'>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve('signal'));
  });
  await using stack = await startLocalStack({
    folder,
    port: options.port ?? (await usualPort()),
    ...(group === undefined ? {} : { group }),
  });
  const file = {
    url: stack.url,
    pids: { up: process.pid, ...stack.pids },
    startedOn: new Date().toISOString(),
    storage: stack.storage,
  };
  await writeStackFile(folder, file, runtime);
  try {
    process.stdout.write(
      `pgmove is running${runtime === undefined ? '' : ` as the worker group ${runtime}`}.\n` +
        `  Dashboard  ${new URL('/ui/', stack.url).href}\n` +
        `  API        ${stack.url}\n` +
        `  OpenAPI    ${new URL('/openapi.json', stack.url).href}\n` +
        `  State      ${folder} (logs in ${folder}/logs)\n` +
        `Ctrl-C stops it.\n`,
    );
    const end = await Promise.race([signal, stack.broken]);
    if (end !== 'signal') throw new CommandError(EXIT.failed, end);
    process.stderr.write('Stopping …\n');
    return EXIT.succeeded;
  } finally {
    await removeStackFile(folder, runtime);
  }
}

/** A worker group works over the storage of the service that it belongs to. */
async function groupOf(folder: string, runtime: string): Promise<WorkerGroup> {
  const front = await findRunningStack(folder);
  if (front !== undefined) return { runtime, storage: front.storage };
  const { AzureWebJobsStorage: storage, PGMOVE_SECRETS: secrets } = process.env;
  if (storage) return { runtime, storage, ...(secrets ? { secrets } : {}) };
  throw usageError(
    'A worker group belongs to a service: run `pgmove up` in this folder first, or set AzureWebJobsStorage ' +
      'and PGMOVE_SECRETS to what that service has.',
  );
}

const USUAL_PORT = 7071;

/** The port of the Functions tools where nobody has it, else any. */
async function usualPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen(USUAL_PORT, '127.0.0.1', () => server.close(() => resolve(USUAL_PORT)));
  });
}
