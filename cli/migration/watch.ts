import type { MigrationApi, MigrationResource } from '../apiClient.ts';
import { EXIT } from '../exitCode.ts';
import type { ExitCode } from '../exitCode.ts';
import { followMigration } from '../migrate/follow.ts';
import { gateOf } from '../migrate/gates.ts';
import { viewFor } from '../migrate/progressView.ts';
import type { ProgressView } from '../migrate/progressView.ts';
import { exitCodeOf, hasEnded, renderSummary } from '../migrate/summary.ts';
import { openApi } from './actions.ts';
import type { WatchOptions } from './command.ts';
import { resolveNames } from './names.ts';
import { flatten } from './output.ts';

/** Follows a migration until it has ended or waits; answers the exit code. Changes nothing. */
export async function watchMigration(options: WatchOptions): Promise<ExitCode> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  const resource = options.json
    ? await writeLines(api, names.migration)
    : await draw(api, names.migration);
  return hasEnded(resource) ? exitCodeOf(resource) : EXIT.waiting;
}

async function draw(api: MigrationApi, name: string): Promise<MigrationResource> {
  const first = await api.get(name);
  const startedMs = Date.parse(first.properties.startedOn ?? '') || Date.now();
  const { view, isLive } = viewFor(process.stderr);
  const stopDrawing = (): void => {
    view.end();
    process.exit(EXIT.killed);
  };
  // The migration goes on without its watcher; only the terminal has to be put back.
  process.once('SIGINT', stopDrawing);
  process.once('SIGTERM', stopDrawing);
  try {
    const resource = await followMigration({
      ...following(api, name, view, startedMs),
      showsTables: isLive,
    });
    const endedMs = Date.parse(resource.properties.endedOn ?? '') || Date.now();
    const isColored = process.stdout.hasColors?.() ?? false;
    process.stdout.write(
      hasEnded(resource)
        ? `\n${renderSummary(resource, { isColored, elapsedMs: endedMs - startedMs })}`
        : `\n${resource.name} waits: ${gateOf(resource)}\n`,
    );
    return resource;
  } finally {
    view.end();
    process.removeListener('SIGINT', stopDrawing);
    process.removeListener('SIGTERM', stopDrawing);
  }
}

/** One line of JSON for each answer that differs from the one before. */
async function writeLines(api: MigrationApi, name: string): Promise<MigrationResource> {
  let last = '';
  const write = (resource: MigrationResource): MigrationResource => {
    const line = JSON.stringify(flatten(resource));
    if (line !== last) process.stdout.write(`${line}\n`);
    last = line;
    return resource;
  };
  const writing: MigrationApi = {
    ...api,
    get: async (one, options) => write(await api.get(one, options)),
  };
  const silent: ProgressView = {
    update: () => undefined,
    note: () => undefined,
    end: () => undefined,
  };
  return followMigration({ ...following(writing, name, silent, Date.now()), showsTables: false });
}

function following(api: MigrationApi, name: string, view: ProgressView, startedMs: number) {
  return {
    api,
    name,
    view,
    startedMs,
    cancel: new AbortController().signal,
    // What was just asked for by another command will be begun: that is no reason to stop.
    gateKeeper: (resource: MigrationResource) =>
      ({ kind: isAnswered(resource) ? 'wait' : 'stop' }) as const,
  };
}

function isAnswered({ properties }: MigrationResource): boolean {
  if (properties.cancel === 'True') return true;
  if (properties.triggerCutover !== 'True') return false;
  const details = properties.currentStatus.currentSubStateDetails?.dbDetails ?? {};
  const named = properties.dbsToTriggerCutoverOn ?? [];
  const asked = named.length > 0 ? named : Object.keys(details);
  return asked.some((database) => {
    const { migrationState, cutover } = details[database] ?? {};
    return migrationState !== 'Succeeded' && cutover?.failure === undefined;
  });
}
