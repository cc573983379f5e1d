import { databaseEvent } from './events.ts';
import type {
  DatabaseRecord,
  EventRecord,
  MigrationRef,
  StreamStage,
  StreamStatus,
} from './records.ts';
import type { Transition } from './transitions.ts';

/** Beyond them an event is told; 0: never. */
export interface Thresholds {
  latencyWarningSeconds: number;
  slotWarningBytes: number;
}

export type Beyond = NonNullable<DatabaseRecord['beyond']>;

/** Back is who is below this share: around the threshold itself an event would follow the other. */
const BACK_BELOW = 0.5;

/** Which thresholds the stream is beyond, after what it was beyond before. */
export function beyondOf(
  before: Beyond,
  { latencySeconds, retainedBytes }: Pick<StreamStatus, 'latencySeconds' | 'retainedBytes'>,
  thresholds: Thresholds,
  now: string,
): Beyond {
  const since = (value: number, threshold: number, known: string | undefined) => {
    if (threshold === 0) return undefined;
    if (value > threshold) return known ?? now;
    return value < threshold * BACK_BELOW ? undefined : known;
  };
  const { latencyWarningSeconds, slotWarningBytes } = thresholds;
  const latencySince = since(latencySeconds, latencyWarningSeconds, before.latencySince);
  const slotSince = since(retainedBytes, slotWarningBytes, before.slotSince);
  return {
    ...(latencySince === undefined ? {} : { latencySince }),
    ...(slotSince === undefined ? {} : { slotSince }),
  };
}

/** Notes in the database's row what its stream is beyond, and tells each crossing once. */
export function crossThresholds(
  ref: MigrationRef,
  row: DatabaseRecord,
  { stage, status }: { stage: StreamStage; status: StreamStatus },
  thresholds: Thresholds,
  now: string,
): Transition<DatabaseRecord> | undefined {
  const before = row.beyond ?? {};
  const beyond = beyondOf(before, status, thresholds, now);
  if (isSame(before, beyond)) return undefined;
  const events: EventRecord[] = [];
  if (before.latencySince === undefined && beyond.latencySince !== undefined) {
    events.push(
      databaseEvent('LatencyThresholdExceeded', ref, row, now, {
        latencySeconds: status.latencySeconds,
        thresholdSeconds: thresholds.latencyWarningSeconds,
        lagBytes: status.lagBytes,
        stage,
      }),
    );
  }
  if (before.slotSince === undefined && beyond.slotSince !== undefined) {
    const { slot, retainedBytes, walStatus, safeWalSize } = status;
    events.push(
      databaseEvent('SlotThresholdExceeded', ref, row, now, {
        slot,
        retainedBytes,
        thresholdBytes: thresholds.slotWarningBytes,
        ...(walStatus === undefined ? {} : { walStatus }),
        ...(safeWalSize === undefined ? {} : { safeWalSize }),
      }),
    );
  }
  return { record: { ...row, beyond }, events };
}

export function isSame(a: Beyond, b: Beyond): boolean {
  return a.latencySince === b.latencySince && a.slotSince === b.slotSince;
}
