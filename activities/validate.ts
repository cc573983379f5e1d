import type { ArmReading } from '../shared/checks/armServer.ts';
import { DATABASE_RULES, RESOURCE_RULES, SERVER_RULES } from '../shared/checks/registry.ts';
import type {
  DatabaseRuleContext,
  ResourceRuleContext,
  ServerRuleContext,
} from '../shared/checks/rule.ts';
import { runRules, worst } from '../shared/checks/runRules.ts';
import type { RuleOutcome } from '../shared/checks/runRules.ts';
import { ruleRunFolder, ruleRunPath } from '../shared/contracts/blobPaths.ts';
import type { ValidationDetails, ValidationState } from '../shared/contracts/records.ts';
import { transitionMigration } from '../shared/contracts/transitions.ts';
import { kindOf } from '../shared/errors/classify.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { readArmServers } from './steps/armServers.ts';
import type { ArmReadings } from './steps/armServers.ts';
import { noteArmServers } from './steps/armMetadata.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { readinessOptions } from './steps/logicalReplicationGate.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { lookAtTarget } from './steps/targetDatabase.ts';
import { tryConnections } from './steps/tryConnections.ts';
import { completedEvent } from './steps/validationEvent.ts';
import { itemsOf, runOf, validationItem } from './steps/validationItems.ts';

type Details = ValidationDetails;

/** Begins the validation anew, with what concerns the servers. Idempotent. */
defineActivity('validateServers', async ({ ref }, env) => {
  const validationStartTimeInUtc = new Date().toISOString();
  await env.stores.blobs.deletePrefix(ruleRunFolder(ref.id));
  const resources = await readArmServers(env.settings, env.record);
  const outcomes = await checkBothServers(env, resources);
  const serverLevelValidationDetails = itemsOf(outcomes, [
    'AuthenticationAndConnectivityValidation',
    'SourceVersionValidation',
    'ServerParametersValidation',
  ]);
  await noteArmServers(env, resources);
  await env.stores.blobs.putJson(ruleRunPath(ref.id), outcomes.map(runOf));
  await writeDetails(env, () => ({
    validationStartTimeInUtc,
    serverLevelValidationDetails,
    dbLevelValidationDetails: [],
  }));
  return { failed: serverLevelValidationDetails.some(({ state }) => state === 'Failed') };
});

/** A server that cannot be reached is a finding: what the other one has is looked at another time. */
async function checkBothServers(
  env: ActivityEnvironment,
  resources: ArmReadings,
): Promise<RuleOutcome[]> {
  const [first = 'postgres'] = env.record.wanted.databases;
  const { opened, outcome } = await tryConnections(
    'AuthenticationAndConnectivityValidation',
    () => [
      openMaintenance(env.endpoint('source', first), 'pgmove/validate'),
      openMaintenance(env.endpoint('target', first), 'pgmove/validate'),
    ],
  );
  const [onSource, onTarget] = opened;
  await using source = onSource.status === 'fulfilled' ? onSource.value : undefined;
  await using target = onTarget.status === 'fulfilled' ? onTarget.value : undefined;
  const { spec } = env.record;
  const { source: sourceResource, target: targetResource } = resources;
  const ofResources = await runRules<ResourceRuleContext>(RESOURCE_RULES, {
    spec,
    sourceResource,
    targetResource,
  });
  if (source === undefined || target === undefined) return [outcome, ...ofResources];
  const ofServers = await runServerRules(env, source, target, targetResource);
  return [outcome, ...ofServers, ...ofResources];
}

async function runServerRules(
  env: ActivityEnvironment,
  source: PgSession,
  target: PgSession,
  targetResource: ArmReading,
): Promise<RuleOutcome[]> {
  const { wanted, spec } = env.record;
  const { databases } = wanted;
  const { databaseCount, ownSlots = [] } = await readinessOptions(env, databases);
  return await runRules<ServerRuleContext>(SERVER_RULES, {
    spec,
    source,
    target,
    databases,
    databaseCount,
    ownSlots,
    isSetupWanted: wanted.setupLogicalReplication,
    isOverwriteWanted: wanted.overwriteDbsInTarget,
    targetResource,
  });
}

/** Runs every rule on one database. Idempotent: its part of the details is replaced. */
defineActivity('validateDatabase', async ({ ref, database }, env) => {
  const startedOn = new Date().toISOString();
  const outcomes = await checkDatabase(env, database);
  const summary = itemsOf(outcomes, [
    'SchemaValidation',
    'ExtensionsValidation',
    'CollationsValidation',
  ]);
  const result = { databaseName: database, startedOn, endedOn: new Date().toISOString(), summary };
  await env.stores.blobs.putJson(ruleRunPath(ref.id, database), outcomes.map(runOf));
  await writeDetails(env, (details) => ({
    ...details,
    dbLevelValidationDetails: [
      ...details.dbLevelValidationDetails.filter((other) => other.databaseName !== database),
      result,
    ].sort((a, b) => (a.databaseName < b.databaseName ? -1 : 1)),
  }));
  return { failed: summary.some(({ state }) => state === 'Failed') };
});

const LOCK_TIMEOUT_MS = 10_000;

async function checkDatabase(env: ActivityEnvironment, database: string): Promise<RuleOutcome[]> {
  const { opened, outcome } = await tryConnections('SchemaValidation', () => [
    env.open('source', database),
    openMaintenance(env.endpoint('target', database), 'pgmove/validate'),
  ]);
  const [onSource, onTarget] = opened;
  await using source = onSource.status === 'fulfilled' ? onSource.value : undefined;
  await using target = onTarget.status === 'fulfilled' ? onTarget.value : undefined;
  const ofSchema = env.record.spec.dryRunSchema === true ? [] : [dryRunNotAllowed()];
  if (source === undefined || target === undefined) return [outcome, ...ofSchema];
  await using existing = await openExisting(env, database);
  const { spec, wanted, allowedExtensions } = env.record;
  // What somebody has locked is told as not checked, not waited for.
  await source.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
  const outcomes = await runRules<DatabaseRuleContext>(DATABASE_RULES, {
    database,
    spec,
    source,
    target,
    ...(existing === undefined ? {} : { existing }),
    ...(allowedExtensions === undefined ? {} : { allowedExtensions }),
    isOverwriteWanted: wanted.overwriteDbsInTarget,
  });
  return [outcome, ...outcomes, ...ofSchema];
}

/** It writes on the target, hence is not done unasked: the report says so. */
function dryRunNotAllowed(): RuleOutcome {
  return {
    id: 'schema-dry-run',
    type: 'SchemaValidation',
    startedOn: new Date().toISOString(),
    durationMs: 0,
    findings: [],
    notChecked: ['Restoring the schema into a scratch database is tried with dryRunSchema "True".'],
  };
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
      summary: [validationItem('SchemaValidation', [{ state: 'Failed', message: NOT_VALIDATED }])],
    }));
    const dbLevelValidationDetails = [...details.dbLevelValidationDetails, ...missing];
    const complete = { ...details, dbLevelValidationDetails };
    const status = overall(complete);
    const validation = { ...complete, status, validationEndTimeInUtc: now };
    // The activity may run twice; a validation that begins anew has no status.
    const isTold = row.validation?.status !== undefined;
    const events = isTold ? [] : [completedEvent(ref, validation, now)];
    if (status === 'Failed' || !goOn) return { record: { ...row, validation }, events };
    const moved = transitionMigration(row, { state: 'InProgress', subState: 'MigratingData' }, now);
    const record = { ...moved.record, validation };
    return { record, events: [...events, ...moved.events] };
  });
  return { failed: updated.validation?.status === 'Failed' };
});

const NOT_VALIDATED = 'The database could not be validated: neither server answered in time.';

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
