import { filterOf } from '../../shared/checks/rule.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { checkLogicalReadiness } from '../../shared/pg/source/logicalReadiness.ts';
import type {
  ReadinessFinding,
  ReadinessOptions,
} from '../../shared/pg/source/logicalReadiness.ts';
import { setupLogicalReplication } from '../../shared/pg/source/logicalSetup.ts';
import { findIdentityProblems } from '../../shared/pg/source/replicaIdentity.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { openMaintenance } from './maintenanceSession.ts';
import { identityProblemMessage } from './replicaIdentities.ts';

export type SourceReadiness =
  | { next: 'go' }
  /** The operator has to ask for the set-up, or to restart the source. */
  | { next: 'wait'; message: string }
  | { next: 'failed'; message: string };

/**
 * The gate WaitingForLogicalReplicationSetupRequestOnSourceDB. `isLast`: no other gate holds the
 * migration, so that all is looked at that is not to be looked at every few seconds.
 *
 * Whether the source can be replicated from. What the set-up may change is changed when the row
 * wants it; what then only needs a restart keeps the migration at its gate until that is done.
 */
export async function readySource(
  env: ActivityEnvironment,
  databases: readonly string[],
  isLast: boolean,
): Promise<SourceReadiness> {
  const { record } = env;
  const options = { ...(await readinessOptions(env, databases)), isQuick: !isLast };
  await using session = await openMaintenance(
    env.endpoint('source', databases[0] ?? 'postgres'),
    'pgmove/check',
  );
  const found = failed(await checkLogicalReadiness(session, options));
  const { setupLogicalReplication: isSetupWanted } = record.wanted;
  const { left, refused } =
    isSetupWanted && found.length > 0
      ? await setUp(env, session, options, found)
      : { left: found, refused: [] };
  const message = [...left.map((finding) => finding.message), ...refused].join(' ');
  if (left.length > 0) {
    const isHopeless = left.some(({ fixable }) => fixable === 'no');
    const isRestartAll = left.every(({ isPendingRestart }) => isPendingRestart === true);
    const canWait = isSetupWanted ? isRestartAll : !isHopeless;
    return { next: canWait ? 'wait' : 'failed', message };
  }
  return isLast ? await readyIdentities(env, databases) : { next: 'go' };
}

/** Sets what can be set and looks again. */
async function setUp(
  env: ActivityEnvironment,
  session: PgSession,
  options: ReadinessOptions,
  found: ReadinessFinding[],
): Promise<{ left: ReadinessFinding[]; refused: string[] }> {
  const report = await setupLogicalReplication(session, found);
  for (const text of report.changed) env.log.info(`changed the source: ${text}`);
  const left = failed(await checkLogicalReadiness(session, options));
  return { left, refused: left.length === 0 ? [] : report.refused };
}

/** Databases that still need a slot, and the slots that are there. */
export async function readinessOptions(
  env: ActivityEnvironment,
  databases: readonly string[],
): Promise<ReadinessOptions> {
  const { id } = env.record.ref;
  const ended = new Set(
    (await env.stores.databases.list(id))
      .filter(({ state }) => state === 'Succeeded')
      .map(({ database }) => database),
  );
  const ownSlots: string[] = [];
  for await (const { desired } of env.stores.replications.list(id)) {
    if (desired.phase !== 'holdSnapshot' && desired.slot !== undefined) ownSlots.push(desired.slot);
  }
  return { databaseCount: databases.filter((name) => !ended.has(name)).length, ownSlots };
}

function failed(findings: readonly ReadinessFinding[]): ReadinessFinding[] {
  return findings.filter(({ state }) => state === 'Failed');
}

/** Without validation nobody else would look before the data is touched. */
async function readyIdentities(
  env: ActivityEnvironment,
  databases: readonly string[],
): Promise<SourceReadiness> {
  const { spec } = env.record;
  if (spec.option !== 'Migrate' || spec.setReplicaIdentityFull) return { next: 'go' };
  const messages: string[] = [];
  for (const database of databases) {
    await using source = await env.open('source', database);
    const { problems } = await findIdentityProblems(source, filterOf(spec));
    if (problems.length > 0) messages.push(identityProblemMessage(database, problems));
  }
  return messages.length === 0 ? { next: 'go' } : { next: 'failed', message: messages.join(' ') };
}
