import { createHash } from 'node:crypto';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type { Meter, SpanContext } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import { PGMOVE_VERSION } from '../api/version.ts';
import { attributesOf } from './fields.ts';
import { DURATION_BOUNDS, METRICS } from './metricNames.ts';
import type { Metric, MetricKey } from './metricNames.ts';
import type { MetricRegistry } from './registry.ts';
import type { Exporters, TelemetrySettings } from './telemetry.ts';

/** The only file that knows OpenTelemetry's SDK; telemetry.ts loads it where somebody listens. */

const SCOPE = 'pgmove';
const METRIC_INTERVAL_MS = 60_000;

export async function openExporters(
  serviceName: string,
  settings: TelemetrySettings,
  registry: MetricRegistry,
): Promise<Exporters> {
  const resource = resourceFromAttributes({
    'service.name': process.env.OTEL_SERVICE_NAME ?? serviceName,
    'service.version': PGMOVE_VERSION,
  });
  const pairs = await loadExporters(settings);
  const exportIntervalMillis = settings.metricIntervalMs ?? METRIC_INTERVAL_MS;
  const meters = new MeterProvider({
    resource,
    readers: pairs.map(
      ({ metrics: exporter }) =>
        new PeriodicExportingMetricReader({
          exporter,
          exportIntervalMillis,
          exportTimeoutMillis: Math.min(30_000, exportIntervalMillis),
        }),
    ),
  });
  const stopMetrics = bridgeMetrics(meters.getMeter(SCOPE, PGMOVE_VERSION), registry);
  const tracers = new NodeTracerProvider({
    resource,
    spanProcessors: pairs.map(({ spans }) => new BatchSpanProcessor(spans)),
  });
  const tracer = tracers.getTracer(SCOPE, PGMOVE_VERSION);
  return {
    beginSpan(name, fields, traceParent) {
      const parent = contextOfMigration(fields.migrationId);
      const invocation = parseTraceParent(traceParent);
      const span = tracer.startSpan(
        name,
        {
          kind: SpanKind.INTERNAL,
          attributes: attributesOf(fields),
          links: invocation === undefined ? [] : [{ context: invocation }],
        },
        parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
      );
      return {
        about: (known) => void span.setAttributes(attributesOf(known)),
        end: (kind) => {
          if (kind !== undefined) {
            span.setAttributes(attributesOf({ kind }));
            span.setStatus({ code: SpanStatusCode.ERROR, message: kind });
          }
          span.end();
        },
      };
    },
    async shutdown() {
      await Promise.allSettled([meters.shutdown(), tracers.shutdown()]);
      stopMetrics();
    },
  };
}

interface ExporterPair {
  metrics: PushMetricExporter;
  spans: SpanExporter;
}

async function loadExporters(settings: TelemetrySettings): Promise<ExporterPair[]> {
  const pairs: ExporterPair[] = [];
  const { azureMonitor: connectionString, otlpEndpoint } = settings;
  if (connectionString !== undefined) {
    // What the exporter would tell Microsoft of itself, and keep on the disk, nobody asked for.
    process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
    process.env.APPLICATIONINSIGHTS_SDKSTATS_DISABLED ??= 'true';
    const options = { connectionString, disableOfflineStorage: true };
    const { AzureMonitorMetricExporter, AzureMonitorTraceExporter } =
      await import('@azure/monitor-opentelemetry-exporter');
    pairs.push({
      metrics: new AzureMonitorMetricExporter(options),
      spans: new AzureMonitorTraceExporter(options),
    });
  }
  if (otlpEndpoint !== undefined) {
    const base = otlpEndpoint.replace(/\/+$/, '');
    const [{ OTLPMetricExporter }, { OTLPTraceExporter }] = await Promise.all([
      import('@opentelemetry/exporter-metrics-otlp-http'),
      import('@opentelemetry/exporter-trace-otlp-http'),
    ]);
    // Headers and time limits come from OTEL_EXPORTER_OTLP_HEADERS and its like.
    pairs.push({
      metrics: new OTLPMetricExporter({ url: `${base}/v1/metrics` }),
      spans: new OTLPTraceExporter({ url: `${base}/v1/traces` }),
    });
  }
  return pairs;
}

/** Counters and gauges are read when they are exported; durations are passed on as they come. */
function bridgeMetrics(meter: Meter, registry: MetricRegistry): () => void {
  const histograms = new Map<MetricKey, ReturnType<Meter['createHistogram']>>();
  for (const key of Object.keys(METRICS) as MetricKey[]) {
    const { name, kind, unit, description }: Metric = METRICS[key];
    if (kind === 'histogram') {
      const advice = { explicitBucketBoundaries: [...DURATION_BOUNDS] };
      histograms.set(key, meter.createHistogram(name, { unit, description, advice }));
      continue;
    }
    const options = { unit, description };
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
    instrument.addCallback((result) => {
      for (const { value, attributes } of registry.read(key)) result.observe(value, attributes);
    });
  }
  return registry.onRecord((key, value, attributes) =>
    histograms.get(key)?.record(value, attributes),
  );
}

/** The trace of a migration has its id, and a root that nobody sends. */
function contextOfMigration(migrationId: string | undefined): SpanContext | undefined {
  const traceId = migrationId?.replaceAll('-', '').toLowerCase();
  if (traceId === undefined || !/^[0-9a-f]{32}$/.test(traceId)) return undefined;
  const spanId = createHash('sha256').update(traceId).digest('hex').slice(0, 16);
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

function parseTraceParent(text: string | undefined): SpanContext | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? '');
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, traceFlags: parseInt(flags ?? '0', 16), isRemote: true };
}
