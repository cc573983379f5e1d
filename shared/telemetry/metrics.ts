import { attributesOf } from './fields.ts';
import { createRegistry } from './registry.ts';

/** The numbers of this process. */
export const metrics = createRegistry();

const running = new Map<string, number>();

metrics.observe('stepsRunning', () =>
  [...running].map(([step, value]) => ({ value, attributes: attributesOf({ step }) })),
);

/** A step began; the result is to be called when it ends, with what it failed with. */
export function countStep(step: string): (kind: string | undefined) => void {
  const startedAt = performance.now();
  running.set(step, (running.get(step) ?? 0) + 1);
  return (kind) => {
    running.set(step, (running.get(step) ?? 1) - 1);
    const attributes = attributesOf({ step, ...(kind === undefined ? {} : { kind }) });
    metrics.record('stepDuration', (performance.now() - startedAt) / 1000, attributes);
    if (kind !== undefined) metrics.add('errors', 1, attributes);
  };
}

export function countError(step: string, kind: string): void {
  metrics.add('errors', 1, attributesOf({ step, kind }));
}

/** Called for a batch, never for a row. */
export function countCopied(
  migrationId: string,
  database: string,
  { rows, bytes }: { rows: number; bytes: number },
): void {
  const attributes = attributesOf({ migrationId, database });
  metrics.add('rowsCopied', rows, attributes);
  metrics.add('bytesCopied', bytes, attributes);
}
