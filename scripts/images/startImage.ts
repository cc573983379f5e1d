import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface StartedPart {
  /** The end of its output. */
  log(): string;
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `node ARGS…` in a folder, with this environment alone. */
export function startPart(
  folder: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): StartedPart {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4_000)));
  }
  const ended = once(child, 'exit');
  return {
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
  };
}

/** Asks until the answer is 200, or the time is over. */
export async function waitForHealth(url: string, timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const status = await fetch(url).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    if (Date.now() > until) throw new Error(`${url} is not healthy: status ${status}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
