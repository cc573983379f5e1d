import { EXIT } from '../exitCode.ts';

export interface Interrupts {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  onSecond(action: () => void): void;
}

export function listenForInterrupts(): Interrupts {
  const first = new AbortController();
  let second = (): void => process.exit(EXIT.killed);
  const listener = (): void => {
    if (first.signal.aborted) second();
    else first.abort();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return { signal: first.signal, onSecond: (action) => (second = action) };
}
