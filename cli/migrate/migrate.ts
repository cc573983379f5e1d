import { formatOfFile } from '../../shared/api/report/format.ts';
import { createApiClient, LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../apiClient.ts';
import type { MigrationResource } from '../apiClient.ts';
import { EXIT } from '../exitCode.ts';
import { checkReportFile, writeReportFile } from '../report/reportFile.ts';
import { openService, stackBroken } from '../stack/service.ts';
import { listenForInterrupts } from '../terminal/interrupts.ts';
import type { MigrateOptions } from './command.ts';
import { followMigration } from './follow.ts';
import { createGateKeeper } from './gates.ts';
import type { GateKeeper } from './gates.ts';
import { planMigrate } from './plan.ts';
import { checkBeforeStart } from './precheck.ts';
import { viewFor } from './progressView.ts';
import { migrationBody, migrationNameFor, serverNameOf } from './requestBody.ts';
import { exitCodeOf, renderSummary } from './summary.ts';

/** Runs a whole migration; answers the exit code. */
export async function runMigrate(options: MigrateOptions): Promise<number> {
  const startedMs = Date.now();
  const interrupts = listenForInterrupts();
  const plan = await planMigrate(options);
  const pairs = await checkBeforeStart(plan, options);
  const body = await migrationBody(options, plan.source, plan.target, pairs);
  const name = options.name ?? migrationNameFor(pairs);
  if (options.report !== undefined) await checkReportFile(options.report);
  if (interrupts.signal.aborted) return EXIT.canceled;

  const service = await openService(options);
  interrupts.onSecond(() => {
    service.stack?.kill();
    process.stderr.write('Stopped. The target is left as it is.\n');
    process.exit(EXIT.killed);
  });
  try {
    const server = serverNameOf(plan.target);
    const api = createApiClient(service.location, {
      subscriptionId: LOCAL_SUBSCRIPTION,
      resourceGroup: LOCAL_RESOURCE_GROUP,
      server,
    });
    const gateKeeper = createGateKeeper({
      cutover: options.cutover ?? 'auto',
      cutoverCommand:
        `pgmove migration update --url ${service.location.url} --server-name ${server} ` +
        `--name ${name} --cutover`,
    });
    const resource = await Promise.race([
      runToEnd(api, name, body, startedMs, gateKeeper, interrupts.signal),
      stackBroken(service.stack),
    ]);
    report(options, resource, startedMs);
    if (options.report !== undefined) {
      const format = formatOfFile(options.report);
      await writeReportFile(options.report, await api.report(name, { format }));
    }
    if (exitCodeOf(resource) !== EXIT.succeeded && service.stack !== undefined) {
      process.stderr.write(
        'The service that this command started ends with it. To be able to resume a migration, ' +
          'run "pgmove up" first.\n',
      );
    }
    return exitCodeOf(resource);
  } finally {
    await service.stack?.stop();
  }
}

async function runToEnd(
  api: ReturnType<typeof createApiClient>,
  name: string,
  body: object,
  startedMs: number,
  gateKeeper: GateKeeper,
  cancel: AbortSignal,
): Promise<MigrationResource> {
  const { view, isLive } = viewFor(process.stderr);
  try {
    await api.create(name, body);
    return await followMigration({
      api,
      name,
      view,
      startedMs,
      showsTables: isLive,
      gateKeeper,
      cancel,
    });
  } finally {
    view.end();
  }
}

function report(options: MigrateOptions, resource: MigrationResource, startedMs: number): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(resource, null, 2)}\n`);
    return;
  }
  const isColored = process.stdout.hasColors?.() ?? false;
  process.stdout.write(
    `\n${renderSummary(resource, { isColored, elapsedMs: Date.now() - startedMs })}`,
  );
}
