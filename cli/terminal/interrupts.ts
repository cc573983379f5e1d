import { constants } from 'node:os';
import { EXIT } from '../exitCode.ts';

export interface Interrupts {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  /** Instead of ending at once. */
  onSecond: (action: () => void) => void;
  /** As shells count a death by the first one; undefined before there is one. */
  exitCode: () => number | undefined;
}

export function listenForInterrupts(): Interrupts {
  const first = new AbortController();
  let second = (): void => process.exit(EXIT.killed);
  let exitCode: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (first.signal.aborted) return second();
      exitCode = 128 + constants.signals[name];
      first.abort();
    });
  }
  return {
    signal: first.signal,
    onSecond: (action) => (second = action),
    exitCode: () => exitCode,
  };
}
