import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** What a process with these modules has loaded of OpenTelemetry's SDK and of its exporters. */
function loaded(modules: readonly string[], then = ''): string[] {
  const script = `
    import { createRequire } from 'node:module';
    for (const name of ${JSON.stringify(modules)}) await import(name);
    ${then}
    const { cache } = createRequire(import.meta.url);
    const found = Object.keys(cache).filter((file) =>
      /@opentelemetry\\/(sdk|exporter|otlp)|monitor-opentelemetry/.test(file));
    process.stdout.write(JSON.stringify(found));
    process.exit(0);`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    { cwd: ROOT, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

const REPLICATOR = ['./dist/replicator/service.js', './dist/replicator/statusServer.js'];

test('without a listener no part of the SDK is loaded', () => {
  const start = `
    const { startTelemetry } = await import('./dist/shared/telemetry/telemetry.js');
    await startTelemetry('x', { azureMonitor: undefined, otlpEndpoint: undefined });`;
  expect(loaded([...REPLICATOR, './dist/cli/program.js'], start)).toEqual([]);
});

test('with one it is', () => {
  const start = `
    const { startTelemetry } = await import('./dist/shared/telemetry/telemetry.js');
    await startTelemetry('x', { otlpEndpoint: 'http://127.0.0.1:1' });`;
  expect(loaded(REPLICATOR, start)).not.toEqual([]);
});
