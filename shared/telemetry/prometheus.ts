import type { Attributes } from './fields.ts';
import { DURATION_BOUNDS, METRICS } from './metricNames.ts';
import type { Metric, MetricKey } from './metricNames.ts';
import type { MetricRegistry } from './registry.ts';

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function prometheusAnswer(registry: MetricRegistry) {
  return { status: 200, contentType: CONTENT_TYPE, body: renderPrometheus(registry) };
}

/** Every metric that has a value, in the text format of Prometheus. */
export function renderPrometheus(registry: MetricRegistry): string {
  const lines = (Object.keys(METRICS) as MetricKey[]).flatMap((key) => {
    const metric: Metric = METRICS[key];
    const name = prometheusName(metric);
    const samples =
      metric.kind === 'histogram'
        ? histogramLines(name, registry, key)
        : registry
            .read(key)
            .map(({ value, attributes }) => `${name}${labels(attributes)} ${value}`);
    if (samples.length === 0) return [];
    return [
      `# HELP ${name} ${metric.description.replaceAll('\\', '\\\\')}`,
      `# TYPE ${name} ${metric.kind}`,
      ...samples,
    ];
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** As OpenTelemetry's own exporters translate names and units. */
export function prometheusName({ name, unit, kind }: Metric): string {
  const suffix = { By: '_bytes', s: '_seconds' }[unit] ?? '';
  return `${name.replaceAll('.', '_')}${suffix}${kind === 'counter' ? '_total' : ''}`;
}

function histogramLines(name: string, registry: MetricRegistry, key: MetricKey): string[] {
  return registry
    .readHistogram(key)
    .flatMap(({ attributes, count, sum, buckets }) => [
      ...DURATION_BOUNDS.map(
        (bound, index) =>
          `${name}_bucket${labels({ ...attributes, le: String(bound) })} ${buckets[index] ?? 0}`,
      ),
      `${name}_bucket${labels({ ...attributes, le: '+Inf' })} ${count}`,
      `${name}_sum${labels(attributes)} ${sum}`,
      `${name}_count${labels(attributes)} ${count}`,
    ]);
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** A database may be named with quotes and line breaks. */
function labels(attributes: Attributes): string {
  const pairs = Object.entries(attributes).map(([name, value]) => {
    const text = String(value).replaceAll(/[\\"\n]/g, (found) => ESCAPED[found] ?? '');
    return `${name.replaceAll('.', '_')}="${text}"`;
  });
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
