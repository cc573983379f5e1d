import { useEffect, useState } from 'preact/hooks';
import type { MigrationResource, SampleList } from '../../../shared/api/resource.ts';

/** What a database had done at one moment. */
export interface Sample {
  /** Seconds since 1970. */
  time: number;
  /** So far; absent where nobody noted them. */
  rows?: number;
  bytes?: number;
  appliedChanges?: number;
  /** Seconds and bytes that the target is behind; absent without a stream. */
  lagSeconds?: number;
  lagBytes?: number;
  /** WAL that the slot keeps. */
  slotBytes?: number;
}

export type SamplesByDatabase = ReadonlyMap<string, readonly Sample[]>;

/** An hour of looks every two seconds. */
const MOST_SAMPLES = 1_800;

/** Collects what the page sees as long as it is open. */
export function useSamples(migration: MigrationResource | undefined): SamplesByDatabase {
  const [samples, setSamples] = useState<SamplesByDatabase>(new Map());
  useEffect(() => {
    if (migration !== undefined) {
      setSamples((before) => addSamples(before, migration, Date.now() / 1000));
    }
  }, [migration]);
  return samples;
}

export function addSamples(
  before: SamplesByDatabase,
  migration: MigrationResource,
  time: number,
): SamplesByDatabase {
  const { dbDetails } = migration.properties.currentStatus.currentSubStateDetails;
  const after = new Map(before);
  for (const database of Object.values(dbDetails)) {
    const { databaseName, rowsCopied, bytesCopied, appliedChanges, latency, stream } = database;
    const sample: Sample = {
      time,
      rows: rowsCopied,
      bytes: bytesCopied,
      appliedChanges,
      ...(stream === undefined
        ? {}
        : {
            lagSeconds: latency,
            lagBytes: stream.lagBytes,
            slotBytes: stream.retainedBytes,
          }),
    };
    const earlier = after.get(databaseName) ?? [];
    after.set(databaseName, [...earlier.slice(1 - MOST_SAMPLES), sample]);
  }
  return after;
}

/**
 * How much a count grew for each second, at each sample; the first has nothing before it. A count
 * that falls was set back, by a copy that begins anew.
 */
export function ratesOf(
  samples: readonly Sample[],
  count: (sample: Sample) => number | undefined,
): (number | null)[] {
  return samples.map((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined || sample.time <= before.time) return null;
    const [now, then] = [count(sample), count(before)];
    if (now === undefined || then === undefined) return null;
    return Math.max(0, now - then) / (sample.time - before.time);
  });
}

/** What the service has noted, coarse, and behind it what the page has seen itself. */
export function joinSamples(
  history: readonly Sample[],
  seen: readonly Sample[],
): readonly Sample[] {
  const last = history.at(-1);
  if (last === undefined) return seen;
  // A figure of the history may be from anywhere within its ten seconds.
  return [...history, ...seen.filter(({ time }) => time > last.time + HISTORY_STEP_SECONDS)];
}

const HISTORY_STEP_SECONDS = 10;

export function toSamples({ value }: SampleList): Sample[] {
  return value.map(({ time, latencySeconds, ...sample }) => ({
    ...sample,
    time: Date.parse(time) / 1000,
    ...(latencySeconds === undefined ? {} : { lagSeconds: latencySeconds }),
  }));
}
