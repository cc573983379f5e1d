import { connectionFailure, connectionFinding } from '../shared/checks/connectionFailure.ts';
import { DATABASE_RULES, SERVER_RULES } from '../shared/checks/registry.ts';
import type { CheckedSpec, DatabaseRuleContext, ServerRuleContext } from '../shared/checks/rule.ts';
import { runRules, worst } from '../shared/checks/runRules.ts';
import type {
  ValidationDetails,
  ValidationItem,
  ValidationState,
} from '../shared/contracts/records.ts';
import { kindOf } from '../shared/errors/classify.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { transitionMigration } from '../shared/contracts/transitions.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { readinessOptions } from './steps/logicalReplicationGate.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { lookAtTarget } from './steps/targetDatabase.ts';

type Details = ValidationDetails;

type Messages = NonNullable<ValidationItem['messages']>;

/** Begins the validation anew, with what concerns the servers. Idempotent. */
defineActivity('validateServers', async (_input, env) => {
  const validationStartTimeInUtc = new Date().toISOString();
  const found = await checkBothServers(env);
  const serverLevelValidationDetails = [
    'AuthenticationAndConnectivityValidation',
    'SourceVersionValidation',
    'ServerParametersValidation',
  ].map((type) => item(type, found.get(type) ?? []));
  await writeDetails(env, () => ({
    validationStartTimeInUtc,
    serverLevelValidationDetails,
    dbLevelValidationDetails: [],
  }));
  return { failed: serverLevelValidationDetails.some(({ state }) => state === 'Failed') };
});

/** A server that cannot be reached is a finding: what the other one has is looked at another time. */
async function checkBothServers(env: ActivityEnvironment): Promise<Map<string, Messages>> {
  const [first = 'postgres'] = env.record.wanted.databases;
  const opened = await Promise.allSettled(
    (['source', 'target'] as const).map((side) =>
      openMaintenance(env.endpoint(side, first), 'pgmove/validate'),
    ),
  );
  const [onSource, onTarget] = opened;
  await using source = onSource?.status === 'fulfilled' ? onSource.value : undefined;
  await using target = onTarget?.status === 'fulfilled' ? onTarget.value : undefined;
  if (source === undefined || target === undefined) {
    return new Map([[connectionFailure.type, connectionFindings(opened)]]);
  }
  return await runServerRules(env, source, target);
}

async function runServerRules(
  env: ActivityEnvironment,
  source: PgSession,
  target: PgSession,
): Promise<Map<string, Messages>> {
  const { wanted, spec, targetMetadata } = env.record;
  const { databases } = wanted;
  const { databaseCount, ownSlots = [] } = await readinessOptions(env, databases);
  return await findingsByType<ServerRuleContext>(env, SERVER_RULES, {
    spec,
    source,
    target,
    databases,
    databaseCount,
    ownSlots,
    isSetupWanted: wanted.setupLogicalReplication,
    isOverwriteWanted: wanted.overwriteDbsInTarget,
    ...(targetMetadata?.storageMb === undefined
      ? {}
      : { targetStorageMb: targetMetadata.storageMb }),
  });
}

/** Runs every rule on one database. Idempotent: its part of the details is replaced. */
defineActivity('validateDatabase', async ({ database }, env) => {
  const startedOn = new Date().toISOString();
  const found = await checkDatabase(env, database);
  const summary = [...found].map(([type, findings]) => item(type, findings));
  const result = { databaseName: database, startedOn, endedOn: new Date().toISOString(), summary };
  await writeDetails(env, (details) => ({
    ...details,
    dbLevelValidationDetails: [
      ...details.dbLevelValidationDetails.filter((other) => other.databaseName !== database),
      result,
    ].sort((a, b) => (a.databaseName < b.databaseName ? -1 : 1)),
  }));
  return { failed: summary.some(({ state }) => state === 'Failed') };
});

async function checkDatabase(
  env: ActivityEnvironment,
  database: string,
): Promise<Map<string, Messages>> {
  const opened = await Promise.allSettled([
    env.open('source', database),
    openMaintenance(env.endpoint('target', database), 'pgmove/validate'),
  ]);
  const [onSource, onTarget] = opened;
  await using source = onSource.status === 'fulfilled' ? onSource.value : undefined;
  await using target = onTarget.status === 'fulfilled' ? onTarget.value : undefined;
  if (source === undefined || target === undefined) {
    return new Map([['SchemaValidation', connectionFindings(opened)]]);
  }
  await using existing = await openExisting(env, database);
  const { spec, wanted } = env.record;
  return await findingsByType<DatabaseRuleContext>(env, DATABASE_RULES, {
    database,
    spec,
    source,
    target,
    ...(existing === undefined ? {} : { existing }),
    isOverwriteWanted: wanted.overwriteDbsInTarget,
  });
}

/** Of the source and the target, in this order. */
function connectionFindings(opened: readonly PromiseSettledResult<PgSession>[]): Messages {
  return opened.flatMap((result, at) =>
    result.status === 'fulfilled'
      ? []
      : [connectionFinding(at === 0 ? 'source' : 'target', result.reason)],
  );
}

/** The target database, where it is there and not this migration's work. */
async function openExisting(
  env: ActivityEnvironment,
  database: string,
): Promise<PgSession | undefined> {
  try {
    const { state, isOurs } = await lookAtTarget(env, database);
    if (state.state === 'absent' || isOurs) return undefined;
    return await env.open('target', database);
  } catch (error) {
    // Who may not even look at it is told so by the rule about the right to fill it.
    if (kindOf(error) === 'permissionDenied') return undefined;
    throw error;
  }
}

/** Runs the rules; how long each took is in the log. */
async function findingsByType<Context extends { spec: CheckedSpec }>(
  env: ActivityEnvironment,
  rules: Parameters<typeof runRules<Context>>[0],
  context: Context,
): Promise<Map<string, Messages>> {
  const found = new Map<string, Messages>(rules.map(({ type }) => [type, []]));
  for (const { id, type, durationMs, findings } of await runRules(rules, context)) {
    env.context.debug(`validation: ${id} took ${durationMs} ms, ${findings.length} findings`);
    found.set(type, [...(found.get(type) ?? []), ...findings]);
  }
  return found;
}

/** Says what the validation came to, and moves on to the data when it may. Idempotent. */
defineActivity('finishValidation', async ({ ref, goOn }, env) => {
  const now = new Date().toISOString();
  const names = env.record.wanted.databases;
  const updated = await env.stores.migrations.update(ref, (row) => {
    const details = row.validation ?? emptyDetails();
    const seen = new Set(details.dbLevelValidationDetails.map((entry) => entry.databaseName));
    const unseen = names.filter((name) => !seen.has(name));
    const missing = unseen.map((databaseName) => ({
      databaseName,
      startedOn: now,
      endedOn: now,
      summary: [item('SchemaValidation', [{ state: 'Failed', message: NOT_VALIDATED }])],
    }));
    const dbLevelValidationDetails = [...details.dbLevelValidationDetails, ...missing];
    const complete = { ...details, dbLevelValidationDetails };
    const status = overall(complete);
    const validation = { ...complete, status, validationEndTimeInUtc: now };
    if (status === 'Failed' || !goOn) return { record: { ...row, validation } };
    const moved = transitionMigration(row, { state: 'InProgress', subState: 'MigratingData' }, now);
    return { ...moved, record: { ...moved.record, validation } };
  });
  return { failed: updated.validation?.status === 'Failed' };
});

const NOT_VALIDATED = 'The database could not be validated: neither server answered in time.';

function item(
  type: string,
  messages: { state: ValidationState; message: string }[],
): ValidationItem {
  const states = messages.map(({ state }) => state);
  const state = worst(states);
  return messages.length === 0 ? { type, state } : { type, state, messages };
}

function overall(details: Details): ValidationState {
  const items = [
    ...details.serverLevelValidationDetails,
    ...details.dbLevelValidationDetails.flatMap(({ summary }) => summary),
  ];
  return worst(items.map(({ state }) => state));
}

function emptyDetails(): Details {
  return { serverLevelValidationDetails: [], dbLevelValidationDetails: [] };
}

async function writeDetails(
  env: ActivityEnvironment,
  change: (details: Details) => Details,
): Promise<void> {
  await env.stores.migrations.update(env.record.ref, (row) => ({
    record: { ...row, validation: change(row.validation ?? emptyDetails()) },
  }));
}
