import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { REPLICATOR_FLAGS } from '../../../cli/stack/replicatorFlags.ts';
import type { StreamReport } from '../../../replicator/stream/sourceWatch.ts';
import { everything } from '../../pg/copy/copyPair.ts';
import { MIGRATION_ID } from './onlinePair.ts';
import type { OnlinePair } from './onlinePair.ts';

export interface ChildReport extends StreamReport {
  rss: number;
  maxRss: number;
}

export interface ChildStream {
  /** The last one; undefined before the first. */
  readonly report: ChildReport | undefined;
  /** Resolves with the signal or the failure it ended with. */
  readonly ended: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  /** Fail point at which it kills itself, the `killAfter`th time it gets there. */
  killAt?: string;
  killAfter?: number;
}

/** Runs one session of the built stream in a process of its own. */
export function startChildStream(pair: OnlinePair, options: ChildOptions = {}): ChildStream {
  const child = spawn(
    process.execPath,
    [
      ...REPLICATOR_FLAGS,
      path.join(import.meta.dirname, 'streamChild.mjs'),
      JSON.stringify({
        source: pair.source,
        target: pair.target,
        migrationId: MIGRATION_ID,
        slot: pair.slot,
        generation: pair.generation,
        filter: everything,
        applicationName: 'pgmove/test/stream',
        ...options,
      }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let report: ChildReport | undefined;
  let failure: string | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as ChildReport & { failure?: string };
    if (message.failure === undefined) report = message;
    else failure = message.failure;
  });
  const ended = new Promise<string>((resolve) =>
    child.once('exit', (code, signal) => resolve(failure ?? signal ?? String(code))),
  );
  return {
    get report() {
      return report;
    },
    ended,
    kill: (signal) => child.kill(signal),
  };
}
