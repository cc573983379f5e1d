import { ATTRIBUTES } from './fields.ts';

export interface Metric {
  /** As OpenTelemetry names it. */
  name: string;
  /** A counter only grows, a gauge is read when it is asked for, a histogram gathers durations. */
  kind: 'counter' | 'gauge' | 'histogram';
  /** UCUM: `By` bytes, `s` seconds, `{row}` a number of rows. */
  unit: string;
  description: string;
  attributes: readonly string[];
  process: 'functions' | 'replicator' | 'both';
}

const { migrationId, database, step, kind } = ATTRIBUTES;
const DATABASE = [migrationId, database] as const;

/** Every metric; docs/telemetry.md is made from this. */
export const METRICS = {
  rowsCopied: {
    name: 'pgmove.copy.rows',
    kind: 'counter',
    unit: '{row}',
    description: 'Rows copied, counted when the batch that held them is in.',
    attributes: DATABASE,
    process: 'functions',
  },
  bytesCopied: {
    name: 'pgmove.copy.size',
    kind: 'counter',
    unit: 'By',
    description: 'Bytes copied, counted when the batch that held them is in.',
    attributes: DATABASE,
    process: 'functions',
  },
  stepDuration: {
    name: 'pgmove.step.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long steps took; error.type is there where they failed.',
    attributes: [step, kind],
    process: 'functions',
  },
  stepsRunning: {
    name: 'pgmove.steps.running',
    kind: 'gauge',
    unit: '{step}',
    description: 'Activities that run in this process now.',
    attributes: [step],
    process: 'functions',
  },
  errors: {
    name: 'pgmove.errors',
    kind: 'counter',
    unit: '{error}',
    description: 'Failures of steps and streams, those that are tried again too.',
    attributes: [step, kind],
    process: 'both',
  },
  streams: {
    name: 'pgmove.streams',
    kind: 'gauge',
    unit: '{stream}',
    description: 'Databases whose changes this replicator applies.',
    attributes: [],
    process: 'replicator',
  },
  snapshots: {
    name: 'pgmove.snapshots',
    kind: 'gauge',
    unit: '{snapshot}',
    description: 'Exported snapshots that this replicator holds.',
    attributes: [],
    process: 'replicator',
  },
  changesIncoming: {
    name: 'pgmove.stream.changes.incoming',
    kind: 'counter',
    unit: '{change}',
    description: 'Row changes received from the source since the slot was made.',
    attributes: DATABASE,
    process: 'replicator',
  },
  changesApplied: {
    name: 'pgmove.stream.changes.applied',
    kind: 'counter',
    unit: '{change}',
    description: 'Row changes applied to the target since the slot was made.',
    attributes: DATABASE,
    process: 'replicator',
  },
  transactions: {
    name: 'pgmove.stream.transactions',
    kind: 'counter',
    unit: '{transaction}',
    description: 'Transactions of the source that the stream has taken in.',
    attributes: DATABASE,
    process: 'replicator',
  },
  lagTime: {
    name: 'pgmove.stream.lag.time',
    kind: 'gauge',
    unit: 's',
    description: 'Age of the newest position of the source that is applied.',
    attributes: DATABASE,
    process: 'replicator',
  },
  lagSize: {
    name: 'pgmove.stream.lag.size',
    kind: 'gauge',
    unit: 'By',
    description: "WAL between the source's end and what is applied.",
    attributes: DATABASE,
    process: 'replicator',
  },
  slotRetained: {
    name: 'pgmove.slot.retained.size',
    kind: 'gauge',
    unit: 'By',
    description: 'WAL that the slot keeps on the source.',
    attributes: DATABASE,
    process: 'replicator',
  },
} as const satisfies Record<string, Metric>;

export type MetricKey = keyof typeof METRICS;

/** Upper bounds of the histograms' buckets, in seconds. */
export const DURATION_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 7200] as const;
