import { setTimeout as sleep } from 'node:timers/promises';
import * as df from 'durable-functions';
import { endpointOf } from '../../shared/api/endpoints.ts';
import type { Side } from '../../shared/api/endpoints.ts';
import type { Settings } from '../../shared/config/settings.ts';
import type {
  ActivityInput,
  ActivityName,
  ActivityOutput,
  ActivityResult,
} from '../../shared/contracts/activities.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { runtime } from '../../shared/state/runtime.ts';
import type { Stores } from '../../shared/state/stores.ts';
import type { LogFields } from '../../shared/telemetry/fields.ts';
import type { StepLog } from '../../shared/telemetry/log.ts';
import { isCancelWanted, watchCancel } from './cancelWatch.ts';
import { beginStep } from './stepScope.ts';
import type { StepScope } from './stepScope.ts';

/** What an activity works with; everything in it belongs to one migration. */
export interface ActivityEnvironment {
  settings: Settings;
  stores: Stores;
  /** As it was when the activity began. */
  record: MigrationRecord;
  /** Aborts when the migration, or this database of it, is to be canceled. */
  signal: AbortSignal;
  log: StepLog;
  /** Tells log, metrics and trace what the step is about, as it becomes known. */
  about(fields: LogFields): void;
  /** The database's name on the target. */
  targetName(database: string): string;
  endpoint(side: Side, database: string): PgEndpoint;
  /** An open session on a database of one side (the source's name of it). */
  open(side: Side, database: string): Promise<PgSession>;
  /** As `open` on the source, for the few statements that change it; what they change is noted first. */
  openSourceToChange(database: string): Promise<PgSession>;
  /** Deletes the migration's secrets: it has ended for good. */
  deleteSecrets(): Promise<void>;
}

export interface ActivityOptions {
  /** Runs although a cancel is wanted: it is what ends things. */
  evenWhenCanceled?: boolean;
}

/**
 * Registers an activity. What it throws becomes a value, so that the orchestrator decides by its
 * kind, and no stack trace or row reaches the history.
 */
export function defineActivity<Name extends ActivityName>(
  name: Name,
  work: (input: ActivityInput<Name>, env: ActivityEnvironment) => Promise<ActivityOutput<Name>>,
  options: ActivityOptions = {},
): void {
  df.app.activity(name, {
    handler: async (input: unknown, context): Promise<ActivityResult<ActivityOutput<Name>>> => {
      const given = input as ActivityInput<Name>;
      const scope = beginStep(name, given, context);
      try {
        const value = await runActivity(name, given, scope, work, options);
        scope.end();
        return { ok: true, value };
      } catch (error) {
        return { ok: false, error: scope.fail(error) };
      }
    },
  });
}

async function runActivity<Name extends ActivityName>(
  name: Name,
  input: ActivityInput<Name>,
  scope: StepScope,
  work: (input: ActivityInput<Name>, env: ActivityEnvironment) => Promise<ActivityOutput<Name>>,
  options: ActivityOptions,
): Promise<ActivityOutput<Name>> {
  const { settings, stores, secrets } = await runtime();
  const { ref } = input;
  if (input.delayMs !== undefined) await sleep(input.delayMs);
  const record = await stores.migrations.get(ref);
  if (record === undefined) {
    throw new MigrationError('invalidInput', `There is no migration ${ref.name} any more.`);
  }
  const database = 'database' in input ? input.database : undefined;
  if (options.evenWhenCanceled !== true && isCancelWanted(record, database)) {
    throw new MigrationError('canceled', `The migration ${ref.name} is being canceled.`);
  }
  if (options.evenWhenCanceled !== true && isEnded(record.status)) {
    throw new MigrationError('canceled', `The migration ${ref.name} has ended.`);
  }
  const bundle = (await secrets.get(record.secretId)) ?? {};
  const watch = watchCancel(stores, ref, database, options.evenWhenCanceled === true);
  const targetName = (name_: string) => record.spec.targetDbNames[name_] ?? name_;
  const endpoint = (side: Side, name_: string) =>
    endpointOf(
      record,
      side,
      side === 'target' ? targetName(name_) : name_,
      bundle,
      settings.allowedHosts,
    );
  try {
    return await work(input, {
      settings,
      stores,
      record,
      log: scope.log,
      about: (fields) => scope.about(fields),
      targetName,
      endpoint,
      signal: watch.signal,
      open: (side, name_) =>
        connect(endpoint(side, name_), {
          applicationName: `pgmove/${ref.name}/${name}`,
          signal: watch.signal,
          // Nothing of ours writes on the source; should it ever try, the server refuses.
          settings: side === 'source' ? { default_transaction_read_only: 'on' } : {},
        }),
      openSourceToChange: (name_) =>
        connect(endpoint('source', name_), {
          applicationName: `pgmove/${ref.name}/${name}`,
          signal: watch.signal,
        }),
      deleteSecrets: () => secrets.delete(record.secretId),
    });
  } finally {
    watch.stop();
  }
}
