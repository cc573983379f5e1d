import { setTimeout as pause } from 'node:timers/promises';
import type { MigrationApi, MigrationResource, TableProgress } from '../apiClient.ts';
import { CommandError } from '../exitCode.ts';
import type { GateKeeper } from './gates.ts';
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
  /** Asked each time the migration is found waiting for its operator. */
  gateKeeper: GateKeeper;
  /** Aborted by the first Ctrl-C: the migration is then asked to cancel. */
  cancel: AbortSignal;
}

/** A twenty-fifth of the time so far: the end is seen soon, and looking costs little. */
export function pollDelay(elapsedMs: number): number {
  return Math.min(1_000, Math.max(60, elapsedMs / 25));
}

/**
 * Reads the migration again and again until it has ended, or waits and the gate keeper stops there.
 *
 * @throws CommandError when the migration waits for something that the gate keeper refuses; it was
 * canceled then.
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
    if (resource.properties.currentStatus.state === 'WaitingForUserAction' && !isCanceling) {
      const answer = options.gateKeeper(resource);
      if (answer.note !== undefined) options.view.note(answer.note);
      if (answer.kind === 'stop') return resource;
      if (answer.kind === 'update') await update(options, answer.properties);
      if (answer.kind === 'refuse') {
        refusal = answer.error;
        isCanceling = true;
        await options.api.update(options.name, { cancel: 'True' });
      }
    }
    // A service that holds its answers back has waited already; another one is not to be flooded.
    if (Date.now() - askedMs >= 500) continue;
    const wake = isCanceling ? {} : { signal: options.cancel };
    await pause(pollDelay(Date.now() - options.startedMs), undefined, wake).catch(() => undefined);
  }
}

async function cancel(options: FollowOptions): Promise<void> {
  options.view.note('Canceling. Ctrl-C again stops at once and leaves everything as it is.');
  await update(options, { cancel: 'True' });
}

/** A refusal is told and no more: the migration may have gone on in the meantime. */
async function update(options: FollowOptions, properties: object): Promise<void> {
  await options.api.update(options.name, properties).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
    options.view.note(error.message);
  });
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
