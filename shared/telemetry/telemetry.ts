import { setTimeout as delay } from 'node:timers/promises';
import { metrics } from './metrics.ts';
import type { LogFields } from './fields.ts';

/** Where metrics and spans go; nowhere when neither is given. */
export interface TelemetrySettings {
  /** Of Application Insights. */
  azureMonitor?: string;
  /** Base address of a collector that speaks OTLP over HTTP. */
  otlpEndpoint?: string;
  /** Milliseconds between two exports of the metrics. Default: 60,000. */
  metricIntervalMs?: number;
}

export interface StepSpan {
  /** What became known while the step ran. */
  about(fields: LogFields): void;
  /** `kind` is what the step failed with. */
  end(kind?: string): void;
}

export interface Exporters {
  beginSpan(name: string, fields: LogFields, traceParent: string | undefined): StepSpan;
  /** Sends what is left, and ends. */
  shutdown(): Promise<void>;
}

const NO_SPAN: StepSpan = { about: () => undefined, end: () => undefined };

let exporters: Promise<Exporters> | undefined;
let ready: Exporters | undefined;

/**
 * Begins to export what this process counts. OpenTelemetry's SDK is loaded only where somebody
 * listens: it costs start-up time and memory.
 */
export async function startTelemetry(
  serviceName: string,
  settings: TelemetrySettings,
): Promise<void> {
  if (settings.azureMonitor === undefined && settings.otlpEndpoint === undefined) return;
  exporters ??= import('./openTelemetry.ts').then(({ openExporters }) =>
    openExporters(serviceName, settings, metrics),
  );
  ready = await exporters;
}

/** A collector that is away must not keep a process from ending. */
const LAST_SEND_MS = 5_000;

/** Sends what is left. Never throws: whoever ends has better things to say. */
export async function stopTelemetry(): Promise<void> {
  const opened = exporters;
  [exporters, ready] = [undefined, undefined];
  try {
    const sent = opened?.then((all) => all.shutdown());
    await Promise.race([sent, delay(LAST_SEND_MS, undefined, { ref: false })]);
  } catch {
    // The collector is away.
  }
}

/** A span for a step of a migration; all spans of a migration are one trace. */
export function beginSpan(name: string, fields: LogFields, traceParent?: string): StepSpan {
  return ready?.beginSpan(name, fields, traceParent) ?? NO_SPAN;
}
