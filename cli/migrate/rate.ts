/** How fast something grows, over the last seconds. */
export interface Rate {
  add(timeMs: number, value: number): void;
  /** Per second; 0 before there are two points. */
  perSecond(): number;
}

const WINDOW_MS = 5_000;

export function createRate(windowMs: number = WINDOW_MS): Rate {
  const points: { timeMs: number; value: number }[] = [];
  return {
    add: (timeMs, value) => {
      points.push({ timeMs, value });
      // The newest point outside the window stays, so that slow updates still give a rate.
      while (points.length > 2 && (points[1]?.timeMs ?? 0) <= timeMs - windowMs) points.shift();
    },
    perSecond: () => {
      const first = points[0];
      const last = points.at(-1);
      if (first === undefined || last === undefined || last.timeMs === first.timeMs) return 0;
      return Math.max(0, ((last.value - first.value) * 1000) / (last.timeMs - first.timeMs));
    },
  };
}
