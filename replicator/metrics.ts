import { attributesOf } from '../shared/telemetry/fields.ts';
import type { MetricKey } from '../shared/telemetry/metricNames.ts';
import { metrics } from '../shared/telemetry/metrics.ts';
import type { Reading } from '../shared/telemetry/registry.ts';
import type { GroupCounters } from './stream/group.ts';
import type { StreamReport } from './stream/sourceWatch.ts';

/** A stream as it is now: what it counts, and what it reported last. */
export interface StreamReading {
  migrationId: string;
  database: string;
  counters: Readonly<GroupCounters>;
  report: StreamReport | undefined;
}

/** Makes what streams count anyway readable as metrics; the result ends it. */
export function observeReplicator(
  streams: () => Iterable<StreamReading>,
  snapshotCount: () => number,
): Disposable {
  const ends: (() => void)[] = [];
  const one = (key: MetricKey, value: () => number) =>
    ends.push(metrics.observe(key, () => [{ value: value(), attributes: {} }]));
  const each = (key: MetricKey, valueOf: (stream: StreamReading) => number | undefined) =>
    ends.push(metrics.observe(key, () => readings(streams(), valueOf)));
  one('streams', () => [...streams()].length);
  one('snapshots', snapshotCount);
  each('changesIncoming', ({ counters }) => counters.incoming);
  each('changesApplied', ({ counters }) => counters.applied);
  each('transactions', ({ counters }) => counters.transactions);
  each('lagTime', ({ report }) => report?.status.latencySeconds);
  each('lagSize', ({ report }) => report?.status.lagBytes);
  each('slotRetained', ({ report }) => report?.status.retainedBytes);
  return {
    [Symbol.dispose]: () => {
      for (const end of ends) end();
    },
  };
}

function* readings(
  streams: Iterable<StreamReading>,
  valueOf: (stream: StreamReading) => number | undefined,
): Iterable<Reading> {
  for (const stream of streams) {
    const { migrationId, database } = stream;
    const value = valueOf(stream);
    if (value !== undefined) yield { value, attributes: attributesOf({ migrationId, database }) };
  }
}
