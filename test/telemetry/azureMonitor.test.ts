import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, test } from 'vitest';
import { metrics } from '../../shared/telemetry/metrics.ts';
import { beginSpan, startTelemetry, stopTelemetry } from '../../shared/telemetry/telemetry.ts';
import { hasOpenssl } from '../e2e/support/certificates.ts';
import { waitFor } from '../e2e/support/waitFor.ts';
import { startSink } from './sink.ts';

afterEach(() => stopTelemetry());

test.skipIf(!hasOpenssl)(
  'Azure Monitor gets metrics and spans at the address of its connection string',
  async () => {
    await using sink = await startSink(await selfSigned());
    // Of this process only, which talks to nobody else.
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const key = '00000000-0000-0000-0000-000000000001';
    await startTelemetry('pgmove-test', {
      azureMonitor: `InstrumentationKey=${key};IngestionEndpoint=${sink.url}/`,
      metricIntervalMs: 100,
    });
    metrics.add('rowsCopied', 5, {});
    const migrationId = '0a0b0c0d-0000-4000-8000-000000000001';
    beginSpan('copyBatch', { migrationId, step: 'copyBatch' }).end();
    const received = () => sink.requests.map(({ body }) => body).join('\n');
    for (const part of [key, 'pgmove.copy.rows', '0a0b0c0d000040008000000000000001']) {
      await waitFor(part, () => Promise.resolve(received().includes(part)));
    }
  },
);

/** The exporter of Azure Monitor speaks TLS only. */
async function selfSigned(): Promise<{ key: string; cert: string }> {
  const options =
    'req -x509 -days 2 -subj /CN=127.0.0.1 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 ' +
    '-keyout - -out -';
  const { stdout } = await promisify(execFile)('openssl', options.split(' '));
  const begin = stdout.indexOf('-----BEGIN CERTIFICATE');
  return { key: stdout.slice(0, begin), cert: stdout.slice(begin) };
}
