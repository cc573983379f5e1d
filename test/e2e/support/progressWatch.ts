import { setTimeout as pause } from 'node:timers/promises';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { waitFor } from './waitFor.ts';

export interface ProgressWatch {
  /** Waits until the target is further than it is now. */
  movedAgain(): Promise<void>;
  /** The longest time so far in which the position on the target stood still. */
  longestPauseMs(): number;
  stop(): Promise<void>;
}

/** Looks at how far a stream is, again and again: with a load it should always move. */
export async function watchProgress(
  target: ThrowawayCluster,
  database: string,
): Promise<ProgressWatch> {
  const client = await target.connect(database);
  let isStopped = false;
  let lsn = '';
  let moves = 0;
  let movedAt = performance.now();
  let longest = 0;
  const run = async () => {
    while (!isStopped) {
      const sql = 'select lsn::text as lsn from pgmove.progress';
      const { rows } = await client.query<{ lsn: string }>(sql);
      const now = performance.now();
      longest = Math.max(longest, now - movedAt);
      if (rows[0] !== undefined && rows[0].lsn !== lsn) {
        lsn = rows[0].lsn;
        moves += 1;
        movedAt = now;
      }
      await pause(20);
    }
    await client.end();
  };
  const done = run();
  done.catch(() => undefined);
  return {
    movedAgain: async () => {
      const before = moves;
      await waitFor('the stream to go on', () => Promise.resolve(moves > before + 3));
    },
    longestPauseMs: () => longest,
    stop: async () => {
      isStopped = true;
      await done;
    },
  };
}
