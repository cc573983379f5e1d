import { setFlagsFromString } from 'node:v8';
import pino from 'pino';
import { readSettings } from '../shared/config/settings.ts';
import { openSecretStore } from '../shared/secrets/secretStore.ts';
import { ensureStores, openStores } from '../shared/state/stores.ts';
import { metrics } from '../shared/telemetry/metrics.ts';
import { prometheusAnswer } from '../shared/telemetry/prometheus.ts';
import { startTelemetry, stopTelemetry } from '../shared/telemetry/telemetry.ts';
import { openHealth } from './health.ts';
import { runReplicator } from './service.ts';
import { startStatusServer } from './statusServer.ts';

// V8 lets a heap grow by more than that before it collects. What is applied is garbage at once: this
// bounds the memory that a transaction of gigabytes takes. Less would cost a fifth of the processor time.
setFlagsFromString('--heap-growing-percent=100');

/**
 * The replicator's process. SIGTERM or SIGINT make it hand its sessions over and leave; a second one, or
 * the end of its parent, ends it at once.
 */
const settings = readSettings();
// Lines as the local host writes them.
const log = pino({
  level: process.env['PGMOVE_LOG_LEVEL'] ?? 'info',
  base: { name: 'replicator' },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (level) => ({ level }) },
});
const leave = new AbortController();
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => (leave.signal.aborted ? stop : leave).abort());
}
process.once('disconnect', () => stop.abort());

const stores = openStores(settings);
await ensureStores(stores);
const secrets = openSecretStore(settings);
await startTelemetry('pgmove-replicator', settings.telemetry);
const health = openHealth(leave.signal);
await using _metrics =
  settings.metricsServer === undefined
    ? undefined
    : await startStatusServer(
        settings.metricsServer.port,
        { '/health': health.answer, '/metrics': () => prometheusAnswer(metrics) },
        settings.metricsServer.address,
      );
if (_metrics !== undefined) log.info({ port: _metrics.port }, 'metrics are served');
process.stdout.write('replicator ready\n');
process.send?.({ ready: true });
await runReplicator({
  stores,
  secrets,
  log,
  slotWaitMs: settings.slotWaitMinutes * 60_000,
  failedSlotMaxBytes: settings.failedSlotMaxBytes,
  decodingWorkMemMegabytes: settings.decodingWorkMemMegabytes,
  allowedHosts: settings.allowedHosts,
  thresholds: settings,
  leave: leave.signal,
  graceMs: settings.shutdownGraceSeconds * 1000,
  onTurn: health.noteTurn,
  signal: stop.signal,
});
await stopTelemetry();
// The channel to the parent would keep the process alive.
if (process.connected) process.disconnect();
