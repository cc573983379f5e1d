import { bytesSoFar, noteBytes } from '../../shared/contracts/copyWork.ts';
import type { CopyWork } from '../../shared/contracts/copyWork.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** As often as there is a sample. */
const NOTE_EVERY_MS = 10_000;

type CurveStores = Pick<Stores, 'copyWork' | 'samples'>;

export interface RunningBatch {
  migrationId: string;
  database: string;
  generation: number;
  batch: number;
}

/** A sample of what the copy of a database came to. Never fails; nobody needs to wait for it. */
export function noteCurve(
  { samples }: Pick<Stores, 'samples'>,
  work: CopyWork,
  isLast = false,
): Promise<void> {
  const figures = { rows: work.counters.rowsCopied, bytes: bytesSoFar(work) };
  return samples.note(work.migrationId, work.database, figures, isLast);
}

/**
 * Takes the bytes of a batch that takes minutes and notes them now and then, where those of all
 * instances come together: a curve should not stand still until the batch is in.
 */
export function curveReporter(
  stores: CurveStores,
  batch: RunningBatch,
  now: () => number = Date.now,
): (bytes: number) => void {
  let notedAt = now();
  return (bytes) => {
    if (now() - notedAt < NOTE_EVERY_MS) return;
    notedAt = now();
    // What fails is a point of a curve.
    noteBatch(stores, batch, bytes).catch(() => undefined);
  };
}

async function noteBatch(
  stores: CurveStores,
  { migrationId, database, generation, batch }: RunningBatch,
  bytes: number,
): Promise<void> {
  const work = await stores.copyWork.update(migrationId, database, (current) => {
    if (current.generation !== generation) return undefined;
    const next = structuredClone(current);
    return noteBytes(next, batch, bytes) ? next : undefined;
  });
  await noteCurve(stores, work);
}
