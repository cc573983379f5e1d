import { DATABASE_RULES } from '../shared/checks/registry.ts';
import type { DatabaseRule, DatabaseRuleContext } from '../shared/checks/rule.ts';
import type {
  ValidationDetails,
  ValidationItem,
  ValidationState,
} from '../shared/contracts/records.ts';
import { transitionMigration } from '../shared/contracts/transitions.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { checkServers } from './steps/serverCheck.ts';

type Details = ValidationDetails;

/** Begins the validation anew: connectivity and versions of both servers. Idempotent. */
defineActivity('validateServers', async (_input, env) => {
  const validationStartTimeInUtc = new Date().toISOString();
  const check = await checkServers(env);
  const failed = 'problem' in check;
  const version: ValidationItem = failed
    ? item('SourceVersionValidation', [{ state: 'Failed', message: check.problem }])
    : item('SourceVersionValidation', []);
  await writeDetails(env, () => ({
    validationStartTimeInUtc,
    serverLevelValidationDetails: [
      item('AuthenticationAndConnectivityValidation', []),
      version,
      item('ServerParametersValidation', []),
    ],
    dbLevelValidationDetails: [],
  }));
  return { failed };
});

/** Runs every rule on one database. Idempotent: its part of the details is replaced. */
defineActivity('validateDatabase', async ({ database }, env) => {
  const startedOn = new Date().toISOString();
  const endpoint = env.endpoint('target', database);
  await using source = await env.open('source', database);
  await using target = await openMaintenance(endpoint, 'pgmove/validate');
  const summary = await runRules({ database, source, target });
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

async function runRules(context: DatabaseRuleContext): Promise<ValidationItem[]> {
  const messages = new Map<string, NonNullable<ValidationItem['messages']>>();
  for (const rule of DATABASE_RULES) {
    const findings = await findingsOf(rule, context);
    messages.set(rule.type, [...(messages.get(rule.type) ?? []), ...findings]);
  }
  return [...messages].map(([type, found]) => item(type, found));
}

/** A rule that cannot run is a finding of its own. */
async function findingsOf(
  rule: DatabaseRule,
  context: DatabaseRuleContext,
): Promise<{ state: ValidationState; message: string }[]> {
  try {
    return await rule.check(context);
  } catch (error) {
    return [{ state: 'Warning', message: `${rule.id} could not be checked: ${messageOf(error)}` }];
  }
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

function worst(states: readonly ValidationState[]): ValidationState {
  if (states.includes('Failed')) return 'Failed';
  return states.includes('Warning') ? 'Warning' : 'Succeeded';
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
