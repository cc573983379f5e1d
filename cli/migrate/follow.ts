import { setTimeout as pause } from 'node:timers/promises';
import type { MigrationApi, MigrationResource, TableProgress } from '../apiClient.ts';
import { CommandError, EXIT } from '../exitCode.ts';
import { createProgressReader } from './progress.ts';
import type { ProgressView } from './progressView.ts';
import { hasEnded } from './summary.ts';

export interface FollowOptions {
  api: MigrationApi;
  name: string;
  view: ProgressView;
  startedMs: number;
  /** Whether the view shows single tables; they cost a request each time. */
  showsTables: boolean;
  /** Aborted by the first Ctrl-C: the migration is then asked to cancel. */
  cancel: AbortSignal;
}

/** A twenty-fifth of the time so far: the end is seen soon, and looking costs little. */
export function pollDelay(elapsedMs: number): number {
  return Math.min(1_000, Math.max(60, elapsedMs / 25));
}

/**
 * Reads the migration again and again until it has ended.
 *
 * @throws CommandError when the migration waits for something that this command cannot give.
 */
export async function followMigration(options: FollowOptions): Promise<MigrationResource> {
  const reader = createProgressReader(options.startedMs);
  let isCanceling = false;
  let refusal: CommandError | undefined;
  for (;;) {
    if (options.cancel.aborted && !isCanceling) {
      isCanceling = true;
      await cancel(options);
    }
    const askedMs = Date.now();
    const resource = await options.api.get(options.name, { waitSeconds: 1 });
    const tables = options.showsTables ? await tablesAtWork(options, resource) : new Map();
    options.view.update(reader.read(resource, tables, Date.now()));
    if (hasEnded(resource)) {
      if (refusal !== undefined) throw refusal;
      return resource;
    }
    // The check before the start has ruled the gates out; one can still close in between.
    if (resource.properties.currentStatus.state === 'WaitingForUserAction' && !isCanceling) {
      refusal = gateError(resource);
      isCanceling = true;
      await options.api.update(options.name, { cancel: 'True' });
    }
    // A service that holds its answers back has waited already; another one is not to be flooded.
    if (Date.now() - askedMs >= 500) continue;
    const wake = isCanceling ? {} : { signal: options.cancel };
    await pause(pollDelay(Date.now() - options.startedMs), undefined, wake).catch(() => undefined);
  }
}

async function cancel(options: FollowOptions): Promise<void> {
  options.view.note('Canceling. Ctrl-C again stops at once and leaves everything as it is.');
  await options.api.update(options.name, { cancel: 'True' }).catch((error: unknown) => {
    // It may have ended in the meantime; the next answer says so.
    if (!(error instanceof CommandError)) throw error;
    options.view.note(error.message);
  });
}

function gateError(resource: MigrationResource): CommandError {
  const gate = resource.properties.currentStatus.currentSubStateDetails?.currentSubState;
  if (gate === 'WaitingForTargetDBOverwriteConfirmation') {
    return new CommandError(
      EXIT.usage,
      'A target database holds objects. Nothing was changed; --overwrite drops and makes it again.',
    );
  }
  return new CommandError(
    EXIT.failed,
    `The migration waited for an answer (${gate ?? 'unknown'}) that this command does not give, and was canceled.`,
  );
}

async function tablesAtWork(
  options: FollowOptions,
  resource: MigrationResource,
): Promise<Map<string, TableProgress[]>> {
  const details = resource.properties.currentStatus.currentSubStateDetails?.dbDetails ?? {};
  const active = Object.entries(details).filter(
    ([, detail]) =>
      detail.migrationState === 'InProgress' && (detail.fullLoadLoadingTables ?? 0) > 0,
  );
  const answers = await Promise.all(
    active.map(async ([database]): Promise<[string, TableProgress[]]> => {
      const inState = (state: string): Promise<TableProgress[]> =>
        options.api.tables(options.name, database, { state }).catch(() => []);
      const tables = await Promise.all([inState('copying'), inState('indexing')]);
      return [database, tables.flat().sort((a, b) => b.bytes - a.bytes)];
    }),
  );
  return new Map(answers);
}
