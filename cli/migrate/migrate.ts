import { createApiClient, LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../apiClient.ts';
import type { ApiLocation, MigrationResource } from '../apiClient.ts';
import { CommandError, EXIT } from '../exitCode.ts';
import type { LocalStack } from '../stack/localStack.ts';
import { findRunningStack, stackFolder } from '../stack/stackFile.ts';
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

interface Service {
  location: ApiLocation;
  /** Set when this command started it and has to stop it. */
  stack?: LocalStack;
}

async function openService(options: MigrateOptions): Promise<Service> {
  const key = options.key === undefined ? {} : { key: options.key };
  if (options.url !== undefined) return { location: { url: options.url, ...key } };
  const running = await findRunningStack(stackFolder());
  if (running !== undefined) return { location: { url: running.url, ...key } };
  const { startLocalStack } = await import('../stack/localStack.ts');
  const stack = await startLocalStack();
  return { location: { url: stack.url, ...key }, stack };
}

/** Rejects when a part of this command's own stack ended by itself; else never settles. */
async function stackBroken(stack: LocalStack | undefined): Promise<never> {
  if (stack === undefined) return new Promise(() => undefined);
  throw new CommandError(EXIT.failed, await stack.broken);
}

interface Interrupts {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  onSecond(action: () => void): void;
}

function listenForInterrupts(): Interrupts {
  const first = new AbortController();
  let second = (): void => process.exit(EXIT.killed);
  const listener = (): void => {
    if (first.signal.aborted) second();
    else first.abort();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return { signal: first.signal, onSecond: (action) => (second = action) };
}
