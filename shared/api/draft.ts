import type { MigrationSpec, ServerSpec, Wanted } from '../contracts/records.ts';
import type { SecretBundle } from '../secrets/secretStore.ts';
import { invalidProperty, stateConflict } from './errors.ts';
import type { ServerPath } from './path.ts';
import type { PatchProperties, PutBody, PutProperties, SecretParameters } from './schemas.ts';
import { authOf } from './serverAuth.ts';
import { azureHostOf, parseAddress, parseResourceId } from './serverAddress.ts';
import type { ServerAddress } from './serverAddress.ts';
import { TLS_MODE_OF_SSL_MODE } from './vocabulary.ts';

/** What a PUT asks for, with every default filled in. */
export interface Draft {
  location: string;
  tags: Record<string, string>;
  spec: MigrationSpec;
  wanted: Wanted;
  secrets: SecretBundle;
}

/** @throws ApiError 400 that names the property. */
export function draftMigration(path: ServerPath, body: PutBody, defaults: { jobs: number }): Draft {
  const p = body.properties;
  refuseListWithoutFlag(p);
  const sourceType = p.sourceType ?? 'OnPremises';
  const sslMode = p.sslMode ?? (sourceType === 'PostgreSQLSingleServer' ? 'VerifyFull' : 'Prefer');
  const spec: MigrationSpec = {
    mode: p.migrationMode ?? 'Offline',
    option: p.migrationOption ?? 'ValidateAndMigrate',
    sourceType,
    sslMode,
    source: sourceOf(p, sslMode),
    target: targetOf(path, p, sslMode),
    targetDbNames: p.targetDbNames ?? {},
    includeTables: p.includeTables ?? [],
    excludeTables: p.excludeTables ?? [],
    jobs: p.jobs ?? defaults.jobs,
    verify: p.verify ?? 'none',
    migrateRoles: p.migrateRoles === 'True',
    ...(p.dryRunSchema === 'True' ? { dryRunSchema: true } : {}),
    ...(p.targetStorageMb === undefined ? {} : { targetStorageMb: p.targetStorageMb }),
    fenceSource: p.fenceSource === 'True',
    setReplicaIdentityFull: p.setReplicaIdentityFull === 'True',
    migrationInstanceResourceId: p.migrationInstanceResourceId ?? p.migrationRuntimeResourceId,
  };
  refuseCutoverOffline(spec.mode, p, 400);
  refuseOnlineOnly(spec);
  const wanted: Wanted = {
    databases: p.dbsToMigrate ?? [],
    overwriteDbsInTarget: p.overwriteDbsInTarget === 'True',
    setupLogicalReplication: p.setupLogicalReplicationOnSourceDbIfNeeded === 'True',
    // A window that is given is waited for, unless the caller also asks to start at once.
    startDataMigration:
      p.startDataMigration === undefined
        ? p.migrationWindowStartTimeInUtc === undefined
        : p.startDataMigration !== 'False',
    windowStart: p.migrationWindowStartTimeInUtc,
    cancel: p.cancel === 'True',
    cancelDatabases: p.dbsToCancelMigrationOn ?? [],
    triggerCutover: p.triggerCutover === 'True',
    cutoverDatabases: p.dbsToTriggerCutoverOn ?? [],
  };
  refuseOverlap(spec, wanted.databases);
  const secrets = secretsOf(p);
  return { location: body.location, tags: body.tags ?? {}, spec, wanted, secrets };
}

export function sourceOf(p: PutProperties, sslMode: keyof typeof TLS_MODE_OF_SSL_MODE): ServerSpec {
  const address = sourceAddress(
    p.sourceDbServerResourceId,
    p.sourceDbServerFullyQualifiedDomainName,
  );
  const user = p.secretParameters?.sourceServerUsername ?? address.user;
  if (user === undefined) {
    const target = 'properties.secretParameters.sourceServerUsername';
    throw invalidProperty(
      target,
      `Property '${target}' is needed, because sourceDbServerResourceId has no user (host:port@user).`,
    );
  }
  const server: ServerSpec = {
    host: address.host,
    port: address.port,
    user,
    tls: tlsOf(p.sourceTls, TLS_MODE_OF_SSL_MODE[sslMode], 'properties.sourceTls'),
    options: p.sourceOptions || undefined,
    resourceId: p.sourceDbServerResourceId,
    fullyQualifiedDomainName: p.sourceDbServerFullyQualifiedDomainName,
  };
  return { ...server, auth: authOf(p.sourceAuth, server, 'sourceAuth') };
}

/** The domain name wins for connecting; the resource id gives what it leaves out. */
export function sourceAddress(resourceId?: string, domainName?: string): ServerAddress {
  const idTarget = 'properties.sourceDbServerResourceId';
  const byId = resourceId === undefined ? undefined : parseResourceId(resourceId, idTarget);
  if (domainName === undefined) {
    if (byId !== undefined) return byId;
    throw invalidProperty(idTarget, `Property '${idTarget}' is needed: host:port@user.`);
  }
  const byName = parseAddress(domainName, 'properties.sourceDbServerFullyQualifiedDomainName');
  const hasPort = /:\d+$/.test(domainName.trim()) && !domainName.trim().endsWith(']');
  return {
    host: byName.host,
    port: hasPort ? byName.port : (byId?.port ?? byName.port),
    user: byId?.user ?? byName.user,
  };
}

export function targetOf(
  path: ServerPath,
  p: PutProperties,
  sslMode: keyof typeof TLS_MODE_OF_SSL_MODE,
): ServerSpec {
  const address = targetAddress(path, p.targetDbServerFullyQualifiedDomainName);
  const user = p.secretParameters?.targetServerUsername ?? address.user;
  if (user === undefined) {
    const target = 'properties.secretParameters.targetServerUsername';
    throw invalidProperty(target, `Property '${target}' is needed: the login on the target.`);
  }
  const server: ServerSpec = {
    host: address.host,
    port: address.port,
    user,
    tls: tlsOf(p.targetTls, TLS_MODE_OF_SSL_MODE[sslMode], 'properties.targetTls'),
    options: p.targetOptions || undefined,
    fullyQualifiedDomainName: p.targetDbServerFullyQualifiedDomainName,
  };
  return { ...server, auth: authOf(p.targetAuth, server, 'targetAuth') };
}

export function targetAddress(path: ServerPath, domainName?: string): ServerAddress {
  if (domainName === undefined) return { host: azureHostOf(path.serverName), port: 5432 };
  return parseAddress(domainName, 'properties.targetDbServerFullyQualifiedDomainName');
}

export function tlsOf(
  tls: PutProperties['sourceTls'],
  defaultMode: ServerSpec['tls']['mode'],
  target: string,
): ServerSpec['tls'] {
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
    throw invalidProperty(target, `Property '${target}' needs both cert and key, or neither.`);
  }
  return {
    mode: tls?.mode ?? defaultMode,
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
  };
}

/** Only what the body gives; a PATCH merges it into what is there. */
export function secretsOf(p: {
  secretParameters?: SecretParameters;
  sourceTls?: PatchProperties['sourceTls'];
  targetTls?: PatchProperties['targetTls'];
}): SecretBundle {
  const given: SecretBundle = {
    sourcePassword: p.secretParameters?.adminCredentials?.sourceServerPassword,
    targetPassword: p.secretParameters?.adminCredentials?.targetServerPassword,
    sourceTlsKey: p.sourceTls?.key,
    targetTlsKey: p.targetTls?.key,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A list of databases means nothing without its flag, and is most likely a mistake. */
export function refuseListWithoutFlag(p: PatchProperties): void {
  const pairs = [
    ['dbsToTriggerCutoverOn', 'triggerCutover'],
    ['dbsToCancelMigrationOn', 'cancel'],
  ] as const;
  for (const [list, flag] of pairs) {
    if (p[list] === undefined || p[list].length === 0 || p[flag] === 'True') continue;
    const target = `properties.${list}`;
    throw invalidProperty(target, `Property '${target}' needs properties.${flag} "True".`);
  }
}

/** Error 603114 of the published service: of the value in a PUT, of the state in a PATCH. */
export function refuseCutoverOffline(
  mode: MigrationSpec['mode'],
  p: PatchProperties,
  status: 400 | 409,
): void {
  if (p.triggerCutover !== 'True' || mode === 'Online') return;
  const target = 'properties.triggerCutover';
  const message = '603114: A cutover cannot be triggered, because the migration mode is Offline.';
  throw status === 400 ? invalidProperty(target, message) : stateConflict(message, target);
}

/** What would have no effect is most likely a mistake in migrationMode. */
export function refuseOnlineOnly(spec: MigrationSpec): void {
  if (spec.mode === 'Online') return;
  for (const name of ['fenceSource', 'setReplicaIdentityFull'] as const) {
    if (!spec[name]) continue;
    const target = `properties.${name}`;
    throw invalidProperty(target, `Property '${target}' is for migrationMode "Online".`);
  }
}

/** Refuses a migration of a database onto itself, or of two onto one. */
export function refuseOverlap(spec: MigrationSpec, databases: readonly string[]): void {
  const target = 'properties.targetDbNames';
  for (const name of Object.keys(spec.targetDbNames)) {
    if (databases.length === 0 || databases.includes(name)) continue;
    throw invalidProperty(target, `Property '${target}' renames '${name}', which is not migrated.`);
  }
  const taken = new Map<string, string>();
  for (const database of databases) {
    const name = targetNameOf(spec, database);
    const other = taken.get(name);
    if (other !== undefined) {
      const message = `Databases '${other}' and '${database}' would both become '${name}'.`;
      throw invalidProperty(target, message);
    }
    taken.set(name, database);
  }
  if (!isSameServer(spec.source, spec.target)) return;
  for (const [name, database] of taken) {
    if (!databases.includes(name)) continue;
    throw invalidProperty(
      'properties.targetDbServerFullyQualifiedDomainName',
      `Source and target are the same server, and '${database}' would be written over database '${name}', which is migrated as well: name another server or another database (targetDbNames).`,
    );
  }
}

export function targetNameOf(spec: MigrationSpec, database: string): string {
  return Object.hasOwn(spec.targetDbNames, database)
    ? (spec.targetDbNames[database] ?? database)
    : database;
}

function isSameServer(a: ServerSpec, b: ServerSpec): boolean {
  return a.port === b.port && hostName(a.host) === hostName(b.host);
}

/** Names of this machine count as one; other aliases are found when both sides are connected. */
function hostName(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name === '::1' || /^127\.\d+\.\d+\.\d+$/.test(name)
    ? 'localhost'
    : name;
}
