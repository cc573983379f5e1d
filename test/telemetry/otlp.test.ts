import { afterEach, expect, test } from 'vitest';
import { freePort } from '../../scripts/freePort.ts';
import { beginSpan, startTelemetry, stopTelemetry } from '../../shared/telemetry/telemetry.ts';
import { startSink } from './sink.ts';

afterEach(() => stopTelemetry());

const MIGRATION = '0a0b0c0d-0000-4000-8000-000000000002';
const TRACE = '11111111111111111111111111111111';

interface Sent {
  resourceSpans: {
    scopeSpans: {
      spans: {
        traceId: string;
        name: string;
        links?: { traceId: string; spanId: string }[];
        status: { code: number };
        attributes: { key: string; value: { stringValue?: string } }[];
      }[];
    }[];
  }[];
}

test("a span is in the migration's trace, linked to the host's, and says what it failed with", async () => {
  await using sink = await startSink();
  await startTelemetry('pgmove-test', { otlpEndpoint: `${sink.url}/` });
  const span = beginSpan(
    'copyBatch',
    { migrationId: MIGRATION, database: 'shop', error: 'not an attribute' },
    `00-${TRACE}-2222222222222222-01`,
  );
  span.about({ table: 'public.orders' });
  span.end('dataFailed');
  beginSpan('planCopy', { migrationId: MIGRATION }, 'nonsense').end();
  await stopTelemetry();
  const bodies = sink.requests.filter(({ path }) => path === '/v1/traces').map(({ body }) => body);
  const spans = bodies.flatMap((body) =>
    (JSON.parse(body) as Sent).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((scope) => scope.spans),
    ),
  );
  const traceId = MIGRATION.replaceAll('-', '');
  expect(spans.map(({ name, traceId: id }) => [name, id])).toEqual([
    ['copyBatch', traceId],
    ['planCopy', traceId],
  ]);
  expect(spans[0]?.links).toMatchObject([{ traceId: TRACE, spanId: '2222222222222222' }]);
  expect(spans[1]?.links ?? []).toEqual([]);
  expect(spans[0]?.status.code).toBe(2);
  const attributes = Object.fromEntries(
    (spans[0]?.attributes ?? []).map(({ key, value }) => [key, value.stringValue]),
  );
  expect(attributes).toEqual({
    'pgmove.migration.id': MIGRATION,
    'pgmove.database': 'shop',
    'pgmove.table': 'public.orders',
    'error.type': 'dataFailed',
  });
});

test('a collector that is away fails nobody', async () => {
  await startTelemetry('pgmove-test', { otlpEndpoint: `http://127.0.0.1:${await freePort()}` });
  beginSpan('copyBatch', { migrationId: MIGRATION }).end();
  await expect(stopTelemetry()).resolves.toBeUndefined();
});

test('without a listener a span is nothing, and costs nothing', async () => {
  await startTelemetry('pgmove-test', {});
  const span = beginSpan('copyBatch', { migrationId: MIGRATION });
  expect(beginSpan('planCopy', {})).toBe(span);
  span.about({ table: 'x' });
  span.end();
});
