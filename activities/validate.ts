import { DATABASE_RULES, SERVER_RULES } from '../shared/checks/registry.ts';
import type { CheckedSpec, DatabaseRuleContext, ServerRuleContext } from '../shared/checks/rule.ts';
import { runRules, worst } from '../shared/checks/runRules.ts';
import type {
  ValidationDetails,
  ValidationItem,
  ValidationState,
} from '../shared/contracts/records.ts';
import { transitionMigration } from '../shared/contracts/transitions.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { readinessOptions } from './steps/logicalReplicationGate.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { checkServers } from './steps/serverCheck.ts';

type Details = ValidationDetails;

type Messages = NonNullable<ValidationItem['messages']>;

/** Begins the validation anew: connectivity and versions of both servers. Idempotent. */
defineActivity('validateServers', async (_input, env) => {
  const validationStartTimeInUtc = new Date().toISOString();
  const check = await checkServers(env);
  const failed = 'problem' in check;
  const version: ValidationItem = failed
    ? item('SourceVersionValidation', [{ state: 'Failed', message: check.problem }])
    : item('SourceVersionValidation', []);
  const found = failed ? new Map<string, Messages>() : await runServerRules(env);
  const messagesOf = (type: string) => item(type, found.get(type) ?? []);
  const serverLevelValidationDetails = [
    messagesOf('AuthenticationAndConnectivityValidation'),
    version,
    messagesOf('ServerParametersValidation'),
  ];
  await writeDetails(env, () => ({
    validationStartTimeInUtc,
    serverLevelValidationDetails,
    dbLevelValidationDetails: [],
  }));
  return { failed: serverLevelValidationDetails.some(({ state }) => state === 'Failed') };
});

async function runServerRules(env: ActivityEnvironment): Promise<Map<string, Messages>> {
  const { wanted, spec } = env.record;
  const [first = 'postgres'] = wanted.databases;
  await using source = await openMaintenance(env.endpoint('source', first), 'pgmove/validate');
  await using target = await openMaintenance(env.endpoint('target', first), 'pgmove/validate');
  const { databaseCount, ownSlots = [] } = await readinessOptions(env, wanted.databases);
  const isSetupWanted = wanted.setupLogicalReplication;
  const context = { spec, source, target, databaseCount, ownSlots, isSetupWanted };
  return await findingsByType<ServerRuleContext>(env, SERVER_RULES, context);
}

/** Runs every rule on one database. Idempotent: its part of the details is replaced. */
defineActivity('validateDatabase', async ({ database }, env) => {
  const startedOn = new Date().toISOString();
  const endpoint = env.endpoint('target', database);
  await using source = await env.open('source', database);
  await using target = await openMaintenance(endpoint, 'pgmove/validate');
  const context = { database, spec: env.record.spec, source, target };
  const found = await findingsByType<DatabaseRuleContext>(env, DATABASE_RULES, context);
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
