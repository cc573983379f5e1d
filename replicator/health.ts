import type { StatusAnswer } from './statusServer.ts';

/** Longer than any turn that waits for storage's own retries. */
const SILENT_FOR_MS = 60_000;

/** Healthy is a replicator whose loop has reached the storage lately. */
export interface Health {
  /** The loop has been round, and storage answered. */
  readonly noteTurn: () => void;
  readonly answer: () => StatusAnswer;
}

/** @param leave After it nothing is looked at any more, and being killed would lose the snapshots. */
export function openHealth(leave: AbortSignal, clock: () => number = Date.now): Health {
  let lastTurn = clock();
  return {
    noteTurn: () => {
      lastTurn = clock();
    },
    answer: () => {
      const isHealthy = leave.aborted || clock() - lastTurn < SILENT_FOR_MS;
      return {
        status: isHealthy ? 200 : 503,
        contentType: 'application/json',
        body: JSON.stringify({ status: isHealthy ? 'healthy' : 'unhealthy' }),
      };
    },
  };
}
