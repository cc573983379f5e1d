import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { appRoot } from '../../cli/appRoot.ts';
import { startChildService } from '../../cli/stack/childService.ts';
import type { ChildService } from '../../cli/stack/childService.ts';
import { REPLICATOR_FLAGS } from '../../cli/stack/replicatorFlags.ts';
import { startAzurite } from '../../scripts/azurite.ts';
import { freePort } from '../../scripts/freePort.ts';

/** The whole service. */
export interface OnlineStack extends AsyncDisposable {
  readonly url: string;
  readonly replicatorPid: number;
  /** The end of what host and replicator wrote, for messages. */
  log(): string;
}

export async function startOnlineStack(parentFolder: string): Promise<OnlineStack> {
  const folder = await mkdtemp(path.join(parentFolder, 'pgmove-bench-stack-'));
  const azurite = await startAzurite({ detached: true });
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    AzureWebJobsStorage: azurite.connectionString,
    PGMOVE_SECRETS: `file:${path.join(folder, 'secrets')}`,
  };
  const start = (
    name: string,
    args: readonly string[],
    flags: readonly string[] = [],
  ): ChildService =>
    startChildService({
      name,
      script: path.join(appRoot(), 'dist', name, 'main.js'),
      args,
      flags,
      environment,
    });
  const port = await freePort();
  const host = start('host', ['--app-root', appRoot(), '--port', String(port)]);
  const replicator = start('replicator', [], REPLICATOR_FLAGS);
  const stop = async (): Promise<void> => {
    await Promise.all([host.stop(), replicator.stop()]);
    await azurite.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all([host.ready, replicator.ready]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    replicatorPid: replicator.pid,
    log: () => [host.logTail(), replicator.logTail()].join('\n'),
    [Symbol.asyncDispose]: stop,
  };
}
