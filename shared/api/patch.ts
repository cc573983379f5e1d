import type { DatabaseRecord, MigrationRecord, ServerSpec } from '../contracts/records.ts';
import { isDatabaseEnded, isEnded } from '../contracts/status.ts';
import {
  refuseCutoverOffline,
  refuseListWithoutFlag,
  refuseOnlineOnly,
  refuseOverlap,
} from './draft.ts';
import { sourceAddress, targetAddress, tlsOf } from './draft.ts';
import { ApiError, invalidProperty, stateConflict } from './errors.ts';
import type { PatchBody, PatchProperties } from './schemas.ts';
import { authOf } from './serverAuth.ts';

/** When a property may be changed. */
type Rule =
  /** Before the data of any database is touched. */
  | 'beforeCopy'
  /** As long as the migration has not succeeded: what a resume needs to go better. */
  | 'untilSucceeded'
  /** Until the cutover of a database is under way. */
  | 'untilCutover'
  /** As long as it has not ended. */
  | 'untilEnded';

const RULES: Readonly<Record<keyof PatchProperties, Rule>> = {
  migrationMode: 'beforeCopy',
  sourceDbServerResourceId: 'beforeCopy',
  sourceDbServerFullyQualifiedDomainName: 'beforeCopy',
  targetDbServerFullyQualifiedDomainName: 'beforeCopy',
  dbsToMigrate: 'beforeCopy',
  migrateRoles: 'beforeCopy',
  setReplicaIdentityFull: 'beforeCopy',
  setupLogicalReplicationOnSourceDbIfNeeded: 'beforeCopy',
  startDataMigration: 'beforeCopy',
  migrationWindowStartTimeInUtc: 'beforeCopy',
  fenceSource: 'untilCutover',
  overwriteDbsInTarget: 'untilSucceeded',
  secretParameters: 'untilSucceeded',
  sourceTls: 'untilSucceeded',
  targetTls: 'untilSucceeded',
  sourceAuth: 'untilSucceeded',
  targetAuth: 'untilSucceeded',
  sourceOptions: 'untilSucceeded',
  targetOptions: 'untilSucceeded',
  triggerCutover: 'untilEnded',
  dbsToTriggerCutoverOn: 'untilEnded',
  cancel: 'untilEnded',
  dbsToCancelMigrationOn: 'untilEnded',
};

/**
 * What a PATCH makes of a migration's record. Pure, so that the store may run it again when another
 * writer was faster; secrets are not part of the record.
 *
 * @throws ApiError 400 for a value, 409 for a state that forbids the change.
 */
export function applyPatch(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  body: PatchBody,
  now: string,
): MigrationRecord {
  const p = body.properties ?? {};
  refuseByState(record, databases, p);
  refuseListWithoutFlag(p);
  const mode = p.migrationMode ?? record.spec.mode;
  refuseCutoverOffline(mode, p, 409);
  refuseCutoverOfEnded(record, databases, p);
  refuseEndedDatabases(record, databases, p);
  const spec = {
    ...record.spec,
    mode,
    source: patchedSource(record.spec.source, p),
    target: patchedTarget(record, p),
    migrateRoles:
      p.migrateRoles === undefined ? record.spec.migrateRoles : p.migrateRoles === 'True',
    fenceSource: p.fenceSource === undefined ? record.spec.fenceSource : p.fenceSource === 'True',
    setReplicaIdentityFull:
      p.setReplicaIdentityFull === undefined
        ? record.spec.setReplicaIdentityFull
        : p.setReplicaIdentityFull === 'True',
  };
  refuseOnlineOnly(spec);
  const wanted = patchedWanted(record.wanted, p, now);
  refuseOverlap(spec, wanted.databases);
  return { ...record, tags: body.tags ?? record.tags, spec, wanted, lastModifiedOn: now };
}

const ALLOWED_WHEN: Readonly<Record<Rule, string>> = {
  beforeCopy: 'only before the data of a database is migrated',
  untilSucceeded: 'only until the migration has succeeded',
  untilCutover: 'only until a cutover is under way',
  untilEnded: 'only until the migration has ended',
};

function refuseByState(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  p: PatchProperties,
): void {
  for (const name of Object.keys(p) as (keyof PatchProperties)[]) {
    if (p[name] === undefined || isAllowed(RULES[name], record, databases)) continue;
    // What asks for nothing is no reason to refuse.
    if ((name === 'cancel' || name === 'triggerCutover') && p[name] === 'False') continue;
    const state = `${record.status.state}/${record.status.subState}`;
    const code = name === 'triggerCutover' ? '603113: ' : '';
    const when = ALLOWED_WHEN[RULES[name]];
    throw stateConflict(
      `${code}Property 'properties.${name}' can be changed ${when}; migration '${record.ref.name}' is ${state}.`,
      `properties.${name}`,
    );
  }
}

function isAllowed(
  rule: Rule,
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
): boolean {
  const { status } = record;
  if (status.state === 'Succeeded') return false;
  if (rule === 'untilSucceeded') return true;
  if (rule === 'untilEnded') return !isEnded(status);
  if (rule === 'untilCutover') {
    return status.subState !== 'CompletingMigration' && !databases.some(isCuttingOver);
  }
  const isCopying =
    status.subState === 'MigratingData' ||
    status.subState === 'WaitingForCutoverTrigger' ||
    status.subState === 'CompletingMigration' ||
    status.subState === 'CancelingRequestedDBMigrations';
  // A generation says that a copy was begun; an ended migration may be resumed into it.
  return !isCopying && !databases.some((database) => database.generation > 0);
}

function isCuttingOver({ state, cutover }: DatabaseRecord): boolean {
  if (isDatabaseEnded(state) || cutover === undefined) return false;
  return cutover.endedOn === undefined && cutover.failure === undefined;
}

/**
 * A cutover that is wanted before the databases are ready is remembered; one that no database could
 * still do is error 603113 of the published service.
 */
function refuseCutoverOfEnded(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  p: PatchProperties,
): void {
  if (p.triggerCutover !== 'True' || (p.dbsToTriggerCutoverOn ?? []).length > 0) return;
  const isOver = ({ state }: DatabaseRecord) => isDatabaseEnded(state) || state === 'Canceling';
  const names = p.dbsToMigrate ?? record.wanted.databases;
  const areAllThere = names.every((name) => databases.some(({ database }) => database === name));
  if (databases.length === 0 || !areAllThere || !databases.every(isOver)) return;
  const states = databases.map(({ database, state }) => `'${database}' is ${state}`);
  throw stateConflict(
    `603113: The cutover is not possible for any database: ${someStates(states)}.`,
    'properties.triggerCutover',
  );
}

function someStates(states: readonly string[]): string {
  const more = states.length - 20;
  return states.slice(0, 20).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Error 603113 of the published service, and its like for cancel. */
function refuseEndedDatabases(
  record: MigrationRecord,
  databases: readonly DatabaseRecord[],
  p: PatchProperties,
): void {
  for (const name of ['dbsToTriggerCutoverOn', 'dbsToCancelMigrationOn'] as const) {
    for (const database of p[name] ?? []) {
      const target = `properties.${name}`;
      if (!(p.dbsToMigrate ?? record.wanted.databases).includes(database)) {
        throw invalidProperty(target, `Database '${database}' is not part of this migration.`);
      }
      const state = databases.find((item) => item.database === database)?.state;
      const isOver = state !== undefined && isDatabaseEnded(state);
      const isLate = name === 'dbsToTriggerCutoverOn' && state === 'Canceling';
      if (!isOver && !isLate) continue;
      const what = name === 'dbsToTriggerCutoverOn' ? '603113: The cutover' : 'The cancellation';
      const message = `${what} of database '${database}' is not possible: it is ${state}.`;
      throw new ApiError(409, 'MigrationStateConflict', message, { target });
    }
  }
}

function patchedSource(source: ServerSpec, p: PatchProperties): ServerSpec {
  const resourceId = p.sourceDbServerResourceId ?? source.resourceId;
  const domainName = p.sourceDbServerFullyQualifiedDomainName ?? source.fullyQualifiedDomainName;
  const isMoved =
    p.sourceDbServerResourceId !== undefined ||
    p.sourceDbServerFullyQualifiedDomainName !== undefined;
  const address = isMoved ? sourceAddress(resourceId, domainName) : source;
  const server: ServerSpec = {
    auth: source.auth,
    host: address.host,
    port: address.port,
    user: p.secretParameters?.sourceServerUsername ?? address.user ?? source.user,
    tls:
      p.sourceTls === undefined
        ? source.tls
        : tlsOf(p.sourceTls, source.tls.mode, 'properties.sourceTls'),
    options: p.sourceOptions === undefined ? source.options : p.sourceOptions || undefined,
    resourceId,
    fullyQualifiedDomainName: domainName,
  };
  return { ...server, auth: authOf(p.sourceAuth, server, 'sourceAuth') };
}

function patchedTarget(record: MigrationRecord, p: PatchProperties): ServerSpec {
  const { target } = record.spec;
  const domainName = p.targetDbServerFullyQualifiedDomainName;
  const address = domainName === undefined ? target : targetAddress(record, domainName);
  const server: ServerSpec = {
    ...target,
    host: address.host,
    port: address.port,
    user: p.secretParameters?.targetServerUsername ?? target.user,
    tls:
      p.targetTls === undefined
        ? target.tls
        : tlsOf(p.targetTls, target.tls.mode, 'properties.targetTls'),
    options: p.targetOptions === undefined ? target.options : p.targetOptions || undefined,
    fullyQualifiedDomainName: domainName ?? target.fullyQualifiedDomainName,
  };
  return { ...server, auth: authOf(p.targetAuth, server, 'targetAuth') };
}

function patchedWanted(wanted: MigrationRecord['wanted'], p: PatchProperties, now: string) {
  const flag = (given: 'True' | 'False' | undefined, before: boolean) =>
    given === undefined ? before : given === 'True';
  const next = {
    databases: p.dbsToMigrate ?? wanted.databases,
    overwriteDbsInTarget: flag(p.overwriteDbsInTarget, wanted.overwriteDbsInTarget),
    setupLogicalReplication: flag(
      p.setupLogicalReplicationOnSourceDbIfNeeded,
      wanted.setupLogicalReplication,
    ),
    startDataMigration: flag(p.startDataMigration, wanted.startDataMigration),
    windowStart: p.migrationWindowStartTimeInUtc ?? wanted.windowStart,
    cutoverRequestedOn: p.triggerCutover === 'True' ? now : wanted.cutoverRequestedOn,
  };
  return {
    ...next,
    ...mergeRequest('cancel', 'cancelDatabases', wanted, p.cancel, p.dbsToCancelMigrationOn),
    ...mergeRequest(
      'triggerCutover',
      'cutoverDatabases',
      wanted,
      p.triggerCutover,
      p.dbsToTriggerCutoverOn,
    ),
  };
}

/**
 * Requests for single databases add up, one for all takes in every other, and none is taken back:
 * an orchestrator may have begun with it.
 */
function mergeRequest<
  F extends 'cancel' | 'triggerCutover',
  L extends 'cancelDatabases' | 'cutoverDatabases',
>(
  flag: F,
  list: L,
  wanted: MigrationRecord['wanted'],
  given: 'True' | 'False' | undefined,
  databases: readonly string[] | undefined,
): Record<F, boolean> & Record<L, string[]> {
  const answer = (isWanted: boolean, names: string[]) =>
    ({ [flag]: isWanted, [list]: names }) as Record<F, boolean> & Record<L, string[]>;
  const isWantedForAll = wanted[flag] && wanted[list].length === 0;
  if (given !== 'True' || isWantedForAll) return answer(wanted[flag], wanted[list]);
  if (databases === undefined || databases.length === 0) return answer(true, []);
  return answer(true, [...new Set([...wanted[list], ...databases])]);
}
