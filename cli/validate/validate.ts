import type { ValidationReport } from '../../shared/api/validationReport.ts';
import { createApiClient, LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../apiClient.ts';
import type { MigrationApi, MigrationResource } from '../apiClient.ts';
import { EXIT } from '../exitCode.ts';
import type { ExitCode } from '../exitCode.ts';
import { followMigration } from '../migrate/follow.ts';
import { createGateKeeper } from '../migrate/gates.ts';
import { pairDatabases, planMigrate } from '../migrate/plan.ts';
import { checkBeforeStart } from '../migrate/precheck.ts';
import { viewFor } from '../migrate/progressView.ts';
import { migrationBody, migrationNameFor, serverNameOf } from '../migrate/requestBody.ts';
import { exitCodeOf } from '../migrate/summary.ts';
import { checkReportFile, writeReportFile } from '../report/reportFile.ts';
import { openService, stackBroken } from '../stack/service.ts';
import { listenForInterrupts } from '../terminal/interrupts.ts';
import type { ValidateOptions } from './command.ts';
import { renderMarkdown } from './markdown.ts';
import { renderReport } from './report.ts';

/** Runs a validation and prints what it found; answers the exit code. */
export async function runValidate(options: ValidateOptions): Promise<number> {
  const startedMs = Date.now();
  const interrupts = listenForInterrupts();
  const plan = await planMigrate(options);
  // What is wrong with servers and databases is for the validation to say, all of it at once.
  const pairs =
    plan.databases === undefined
      ? await checkBeforeStart(plan, { overwrite: true })
      : pairDatabases(plan, plan.databases);
  const body = await migrationBody(options, plan.source, plan.target, pairs, 'Validate');
  const name = options.name ?? `validate-${migrationNameFor(pairs)}`;
  if (options.report !== undefined) await checkReportFile(options.report);
  if (interrupts.signal.aborted) return EXIT.canceled;

  const service = await openService(options);
  interrupts.onSecond(() => {
    service.stack?.kill();
    process.exit(EXIT.killed);
  });
  try {
    const api = createApiClient(service.location, {
      subscriptionId: LOCAL_SUBSCRIPTION,
      resourceGroup: LOCAL_RESOURCE_GROUP,
      server: serverNameOf(plan.target),
    });
    const { resource, report } = await Promise.race([
      validate(api, name, body, startedMs, interrupts.signal),
      stackBroken(service.stack),
    ]);
    if (options.report !== undefined) {
      await writeReportFile(options.report, renderMarkdown(report));
    }
    print(options, report);
    return exitCodeFor(resource, report);
  } finally {
    await service.stack?.stop();
  }
}

async function validate(
  api: MigrationApi,
  name: string,
  body: object,
  startedMs: number,
  cancel: AbortSignal,
): Promise<{ resource: MigrationResource; report: ValidationReport }> {
  const { view } = viewFor(process.stderr);
  // Only Validate: no gate holds it.
  const gateKeeper = createGateKeeper({ cutover: 'manual', cutoverCommand: '' });
  try {
    await api.create(name, body);
    const resource = await followMigration({
      api,
      name,
      view,
      startedMs,
      showsTables: false,
      gateKeeper,
      cancel,
    });
    return { resource, report: await api.validation(name) };
  } finally {
    view.end();
  }
}

function print(options: ValidateOptions, report: ValidationReport): void {
  if (options.output === 'json') {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  const isColored = process.stdout.hasColors?.() ?? false;
  process.stdout.write(renderReport(report, { isColored }));
}

/** A validation that could not run to its end is a failure of another kind than one that found something. */
function exitCodeFor(resource: MigrationResource, report: ValidationReport): ExitCode {
  return report.status === 'Failed' ? EXIT.validationFailed : exitCodeOf(resource);
}
