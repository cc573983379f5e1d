import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export interface Polled<Answer> {
  /** The newest answer; kept when a later look fails. */
  data?: Answer;
  /** Why the last look failed. */
  error?: unknown;
  /** Looks again at once. */
  refresh: () => void;
}

const LONGEST_BACKOFF_MS = 30_000;

/**
 * Asks again and again, one request at a time, as long as the page is seen: not in a hidden tab, and
 * at once when it comes back. What fails is asked less and less often.
 *
 * @param key A new one starts over. Undefined: nothing is asked.
 * @param intervalMs Between an answer and the next question; undefined: once only.
 */
export function usePoll<Answer>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<Answer>,
  intervalMs: number | undefined,
): Polled<Answer> {
  const [state, setState] = useState<{ key?: string; data?: Answer; error?: unknown }>({});
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const interval = useRef(intervalMs);
  interval.current = intervalMs;

  useEffect(() => {
    if (key === undefined) return undefined;
    const stopping = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let isAsking = false;

    const ask = async (): Promise<void> => {
      clearTimeout(timer);
      if (isAsking || document.hidden || stopping.signal.aborted) return;
      isAsking = true;
      try {
        const data = await latest.current(stopping.signal);
        failures = 0;
        if (stopping.signal.aborted) return;
        setState((before) =>
          before.key === key && before.data === data && before.error === undefined
            ? before
            : { key, data },
        );
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        setState((before) => ({ ...(before.key === key ? before : {}), key, error }));
      } finally {
        isAsking = false;
      }
      plan();
    };
    const plan = (): void => {
      if (interval.current === undefined && failures === 0) return;
      const usual = interval.current ?? 5_000;
      const waitMs = failures === 0 ? usual : Math.min(usual * 2 ** failures, LONGEST_BACKOFF_MS);
      timer = setTimeout(() => void ask(), waitMs);
    };
    const look = (): void => void ask();
    document.addEventListener('visibilitychange', look);
    void ask();
    return () => {
      stopping.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [key, round, intervalMs === undefined]);

  const refresh = useCallback(() => setRound((before) => before + 1), []);
  // An answer to another question is none.
  return state.key === key ? { data: state.data, error: state.error, refresh } : { refresh };
}

/** The time, for what counts up; it stands still in a hidden tab. */
export function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, 1_000);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}
