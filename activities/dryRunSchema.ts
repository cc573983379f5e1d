import { createHash } from 'node:crypto';
import path from 'node:path';
import { someNames } from '../shared/checks/rule.ts';
import { ruleRunPath } from '../shared/contracts/blobPaths.ts';
import type { ValidationItem } from '../shared/contracts/records.ts';
import type { RuleRun } from '../shared/contracts/ruleRun.ts';
import type { RuleOutcome } from '../shared/checks/runRules.ts';
import { kindOf } from '../shared/errors/classify.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import { connect } from '../shared/pg/connect.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import { withDatabase } from '../shared/pg/endpoint.ts';
import { renderArchive } from '../shared/pg/schema/archive.ts';
import { createTargetDatabase, dropTargetDatabase } from '../shared/pg/schema/database.ts';
import { tryRestore } from '../shared/pg/schema/dryRun.ts';
import type { DryRunFailure } from '../shared/pg/schema/dryRun.ts';
import { tryAccess } from '../shared/pg/schema/dryRunAccess.ts';
import { dumpSchema } from '../shared/pg/schema/dump.ts';
import type { NotCarried } from '../shared/pg/schema/notCarried.ts';
import type { SchemaPlan } from '../shared/pg/schema/plan.ts';
import { planSchema } from '../shared/pg/schema/planSchema.ts';
import { makeWorkFolder } from '../shared/pg/schema/workFolder.ts';
import { defineActivity } from './steps/defineActivity.ts';
import type { ActivityEnvironment } from './steps/defineActivity.ts';
import { excludedRelations } from './steps/excludedRelations.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { runOf } from './steps/validationItems.ts';

const RULE = 'schema-dry-run';

/** More would not be read, and the row has a size. */
const NAMED_AT_MOST = 200;

/**
 * Restores the schema of one database into a scratch database of the target, which is dropped again,
 * and adds to the validation what would not be restored. Idempotent.
 */
defineActivity('dryRunSchema', async ({ ref, database }, env) => {
  const startedOn = new Date().toISOString();
  const began = performance.now();
  const { findings, notChecked } = await tryDatabase(env, database).catch((error: unknown) => {
    if (['canceled', 'connectionFailed', 'internal'].includes(kindOf(error))) throw error;
    const message = `${RULE} could not be checked: ${messageOf(error)}`;
    return { findings: [{ state: 'Warning' as const, message }], notChecked: [] };
  });
  const durationMs = Math.round(performance.now() - began);
  const type = 'SchemaValidation';
  await addRun(
    env,
    database,
    runOf({ id: RULE, type, startedOn, durationMs, findings, notChecked }),
  );
  await env.stores.migrations.update(ref, (row) => {
    const { validation } = row;
    if (validation === undefined) return undefined;
    const dbLevelValidationDetails = validation.dbLevelValidationDetails.map((details) =>
      details.databaseName === database
        ? { ...details, summary: withMessages(details.summary, findings) }
        : details,
    );
    return { record: { ...row, validation: { ...validation, dbLevelValidationDetails } } };
  });
  return null;
});

type Messages = RuleOutcome['findings'];

interface Tried {
  findings: Messages;
  notChecked: string[];
}

async function tryDatabase(env: ActivityEnvironment, database: string): Promise<Tried> {
  const { ref, spec } = env.record;
  await using folder = await makeWorkFolder();
  const archivePath = path.join(folder.path, 'schema.dump');
  await using source = await env.open('source', database);
  await dumpSchema(env.endpoint('source', database), {
    archivePath,
    applicationName: `pgmove/${ref.name}/dryrun`,
    signal: env.signal,
  });
  const archive = await renderArchive(archivePath);
  const excludedTableOids = await excludedRelations(source, spec);
  const plan = await planSchema(source, archive, { excludedTableOids });
  return await inScratchDatabase(env, database, plan.database, async (scratch) => {
    const { failures, failedIds } = await tryRestore(scratch, plan, archive, {
      signal: env.signal,
    });
    const access = await tryOwners(scratch, plan, failedIds, env.record.spec.migrateRoles);
    return {
      findings: [...messagesOf(failures), ...access.findings],
      notChecked: [NOT_TRIED, ...access.notChecked],
    };
  });
}

const NOT_TRIED =
  'Not tried: whether the rows fit (constraints and indexes are made on empty tables), and what ' +
  'belongs to the database itself (its owner, privileges and settings).';

/** The last steps of a migration, which go on without what they may not do. */
async function tryOwners(
  scratch: PgSession,
  plan: SchemaPlan,
  failedIds: ReadonlySet<number>,
  migrateRoles: boolean,
): Promise<Tried> {
  try {
    const { notCarried, untriedRoles } = await tryAccess(scratch, plan, failedIds, {
      migrateRoles,
    });
    return {
      findings: accessMessages(notCarried),
      notChecked:
        untriedRoles.length === 0
          ? []
          : [
              `Not tried: owners and privileges of the roles that migrateRoles creates (${someNames(untriedRoles)}).`,
            ],
    };
  } catch (error) {
    if (kindOf(error) !== 'schemaFailed') throw error;
    return {
      findings: [{ state: 'Failed', message: `${RULE}: ${messageOf(error)}` }],
      notChecked: [],
    };
  }
}

function accessMessages(items: readonly NotCarried[]): Messages {
  return items.slice(0, NAMED_AT_MOST).map(({ subject, reason, count, objects }) => {
    const more = count > objects.length ? ` and ${count - objects.length} more` : '';
    const named = `${subject} of ${objects.join(', ')}${more}`;
    return { state: 'Warning', message: `${RULE}: ${named} would not be carried: ${reason}` };
  });
}

async function inScratchDatabase<Result>(
  env: ActivityEnvironment,
  database: string,
  facts: Parameters<typeof createTargetDatabase>[2],
  work: (scratch: PgSession) => Promise<Result>,
): Promise<Result> {
  const endpoint = env.endpoint('target', database);
  // The same for each attempt: what a crash has left is found and dropped.
  const hash = createHash('sha256').update(database).digest('hex').slice(0, 8);
  const name = `pgmove_dryrun_${env.record.ref.id.replaceAll('-', '')}_${hash}`;
  await using admin = await openMaintenance(endpoint, 'pgmove/dryrun');
  await dropTargetDatabase(admin, name);
  try {
    await createTargetDatabase(admin, name, facts);
    await using scratch = await connect(withDatabase(endpoint, name), {
      applicationName: 'pgmove/dryrun',
      signal: env.signal,
    });
    return await work(scratch);
  } finally {
    await dropTargetDatabase(admin, name);
  }
}

function messagesOf(failures: readonly DryRunFailure[]): Messages {
  const messages: Messages = failures
    .slice(0, NAMED_AT_MOST)
    .map(({ object, message, isTolerated }) => ({
      state: isTolerated ? 'Warning' : 'Failed',
      message: `${RULE}: ${object} would not be restored: ${message}`,
    }));
  const rest = failures.slice(NAMED_AT_MOST);
  if (rest.length > 0) {
    const state = rest.every(({ isTolerated }) => isTolerated) ? 'Warning' : 'Failed';
    const message = `${RULE}: ${rest.length} more objects would not be restored.`;
    messages.push({ state, message });
  }
  return messages;
}

/** That of an earlier attempt is replaced. */
async function addRun(env: ActivityEnvironment, database: string, run: RuleRun): Promise<void> {
  const path_ = ruleRunPath(env.record.ref.id, database);
  const runs = (await env.stores.blobs.getJson<RuleRun[]>(path_)) ?? [];
  const others = runs.filter(({ ruleId }) => ruleId !== run.ruleId);
  await env.stores.blobs.putJson(path_, [...others, run]);
}

/** Those of an earlier attempt are replaced. */
function withMessages(summary: readonly ValidationItem[], added: Messages): ValidationItem[] {
  const type = 'SchemaValidation';
  const others = summary.filter((item) => item.type !== type);
  const own = summary.find((item) => item.type === type)?.messages ?? [];
  const messages = [...own.filter(({ message }) => !message.startsWith(RULE)), ...added];
  const state = (['Failed', 'Warning'] as const).find((wanted) =>
    messages.some((message) => message.state === wanted),
  );
  if (messages.length === 0) return [{ type, state: 'Succeeded' }, ...others];
  return [{ type, state: state ?? 'Succeeded', messages }, ...others];
}
