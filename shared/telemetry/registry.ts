import type { Attributes } from './fields.ts';
import { DURATION_BOUNDS, METRICS } from './metricNames.ts';
import type { MetricKey } from './metricNames.ts';

export interface Reading {
  value: number;
  attributes: Attributes;
}

export interface HistogramReading {
  attributes: Attributes;
  count: number;
  sum: number;
  /** Of each bound of DURATION_BOUNDS: how many were not longer; growing. */
  buckets: readonly number[];
}

export type RecordListener = (key: MetricKey, value: number, attributes: Attributes) => void;

/** The numbers of this process. Whoever wants them reads them; nothing is sent from here. */
export interface MetricRegistry {
  /** Adds to a counter. */
  add(key: MetricKey, value: number, attributes?: Attributes): void;
  /** Adds a value to a histogram. */
  record(key: MetricKey, value: number, attributes?: Attributes): void;
  /** Numbers that are counted elsewhere, read when they are asked for; the result ends it. */
  observe(key: MetricKey, read: () => Iterable<Reading>): () => void;
  read(key: MetricKey): Reading[];
  readHistogram(key: MetricKey): HistogramReading[];
  /** Gets what goes into histograms: other systems have buckets of their own. */
  onRecord(listener: RecordListener): () => void;
}

/** Migrations come and go: of each metric the series that were not touched for longest are dropped. */
const MOST_SERIES = 1_000;

interface Series {
  attributes: Attributes;
  value: number;
}

interface HistogramSeries {
  attributes: Attributes;
  count: number;
  sum: number;
  /** Of each bucket alone. */
  counts: number[];
}

export function createRegistry(): MetricRegistry {
  const counters = new Map<MetricKey, Map<string, Series>>();
  const histograms = new Map<MetricKey, Map<string, HistogramSeries>>();
  const observed = new Map<MetricKey, Set<() => Iterable<Reading>>>();
  const listeners = new Set<RecordListener>();
  return {
    add(key, value, attributes = {}) {
      const series = seriesOf(counters, key, attributes, () => ({ attributes, value: 0 }));
      series.value += value;
    },

    record(key, value, attributes = {}) {
      const series = seriesOf(histograms, key, attributes, () => {
        return { attributes, count: 0, sum: 0, counts: DURATION_BOUNDS.map(() => 0) };
      });
      series.count += 1;
      series.sum += value;
      const bucket = DURATION_BOUNDS.findIndex((bound) => value <= bound);
      if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      for (const listener of listeners) listener(key, value, attributes);
    },

    observe(key, read) {
      const readers = observed.get(key) ?? new Set();
      observed.set(key, readers.add(read));
      return () => void readers.delete(read);
    },

    read: (key) => [
      ...[...(counters.get(key)?.values() ?? [])].map((series) => ({ ...series })),
      ...[...(observed.get(key) ?? [])].flatMap((read) => [...read()]),
    ],

    readHistogram: (key) =>
      [...(histograms.get(key)?.values() ?? [])].map(({ attributes, count, sum, counts }) => {
        let below = 0;
        return { attributes, count, sum, buckets: counts.map((number) => (below += number)) };
      }),

    onRecord(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function seriesOf<S>(
  all: Map<MetricKey, Map<string, S>>,
  key: MetricKey,
  attributes: Attributes,
  create: () => S,
): S {
  const ofMetric = all.get(key) ?? new Map<string, S>();
  all.set(key, ofMetric);
  const id = METRICS[key].attributes.map((name) => String(attributes[name] ?? '')).join('\n');
  const series = ofMetric.get(id) ?? create();
  // The order of a map is that of insertion: the first is the one that was idle for longest.
  ofMetric.delete(id);
  ofMetric.set(id, series);
  const [oldest] = ofMetric.keys();
  if (ofMetric.size > MOST_SERIES && oldest !== undefined) ofMetric.delete(oldest);
  return series;
}
