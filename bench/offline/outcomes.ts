import { median } from '../measure.ts';
import type { ContenderResult, Outcome, Verdict } from '../results.ts';
import type { Goal } from './benchCase.ts';
import { PGMOVE_NAME } from './pgmove.ts';

/** Holds what was measured against the goals. Goals against what was not run are left out. */
export function judge(goals: readonly Goal[], contenders: readonly ContenderResult[]): Outcome[] {
  const pgmove = contenders.find(({ name }) => name === PGMOVE_NAME);
  if (pgmove === undefined) return [];
  const own = medianOf(pgmove);
  return goals.flatMap((goal): Outcome[] => {
    switch (goal.kind) {
      case 'ratio': {
        const other = contenders.find(({ name }) => name === goal.against);
        if (other === undefined) return [];
        const theirs = medianOf(other);
        const value = own === undefined || theirs === undefined ? undefined : own / theirs;
        return [outcome(`ratio to ${goal.against}`, value, goal)];
      }
      case 'seconds':
        return [outcome(goal.what ?? 'seconds', own, goal)];
      case 'memory':
        return Object.entries(pgmove.peakMegabytes ?? {}).map(([process, megabytes]) =>
          outcome(`memory of ${process}`, megabytes, goal),
        );
    }
  });
}

function medianOf(contender: ContenderResult): number | undefined {
  return contender.seconds.length === 0 ? undefined : median(contender.seconds);
}

function outcome(
  what: string,
  value: number | undefined,
  goal: { limit: number; goal?: number },
): Outcome {
  const bounds = goal.goal === undefined ? {} : { goal: goal.goal };
  return { what, value, limit: goal.limit, ...bounds, verdict: verdictOf(value, goal) };
}

function verdictOf(value: number | undefined, bounds: { limit: number; goal?: number }): Verdict {
  if (value === undefined) return 'unknown';
  if (value > bounds.limit) return 'miss';
  return value <= (bounds.goal ?? bounds.limit) ? 'goal' : 'ok';
}
