import type { Properties } from '../../api/migrations.ts';
import type { ServerDraft, Side, WizardDraft } from './draft.ts';
import { takesAuthorities, takesClientCertificate } from './problems.ts';
import { linesOf, renamedDatabases } from './selection.ts';

/** What leads to the source; also the body of a test of the connection. */
export function sourceProperties(draft: WizardDraft): Properties {
  return { ...sourceAddress(draft), secretParameters: secretsOf(draft, ['source']) };
}

export function targetProperties(draft: WizardDraft): Properties {
  return { ...targetAddress(draft), secretParameters: secretsOf(draft, ['target']) };
}

/**
 * The body of the PUT: what `pgmove migrate` and `pgmove validate` send for the same options. What
 * is left at its default is left out, as there.
 */
export function migrationProperties(draft: WizardDraft): Properties {
  const isOnline = draft.mode === 'Online';
  const isMoving = draft.option !== 'Validate';
  const isValidating = draft.option !== 'Migrate';
  const renamed = renamedDatabases(draft);
  const include = linesOf(draft.includeTables);
  const exclude = linesOf(draft.excludeTables);
  const [jobs, storage] = [draft.jobs.trim(), draft.targetStorageMb.trim()];
  const workerGroup = draft.workerGroup.trim();
  return {
    ...sourceAddress(draft),
    ...targetAddress(draft),
    ...(workerGroup === '' ? {} : { migrationInstanceResourceId: workerGroup }),
    migrationMode: draft.mode,
    migrationOption: draft.option,
    dbsToMigrate: draft.databases,
    ...(renamed.length === 0 ? {} : { targetDbNames: Object.fromEntries(renamed) }),
    ...(include.length === 0 ? {} : { includeTables: include }),
    ...(exclude.length === 0 ? {} : { excludeTables: exclude }),
    ...(jobs === '' ? {} : { jobs: Number(jobs) }),
    startDataMigration: 'True',
    overwriteDbsInTarget: draft.overwrite ? 'True' : 'False',
    ...when(draft.migrateRoles, 'migrateRoles'),
    ...(isMoving ? { verify: draft.verify } : {}),
    ...when(isValidating && draft.dryRun, 'dryRunSchema'),
    ...(isValidating && storage !== '' ? { targetStorageMb: Number(storage) } : {}),
    ...when(isOnline && draft.setUpReplication, 'setupLogicalReplicationOnSourceDbIfNeeded'),
    ...when(isOnline && isMoving && draft.fenceSource, 'fenceSource'),
    ...when(isOnline && draft.replicaIdentityFull, 'setReplicaIdentityFull'),
    secretParameters: secretsOf(draft, ['source', 'target']),
  };
}

function sourceAddress({ source, sourceType }: WizardDraft): Properties {
  const address = addressOf(source);
  return {
    sourceType,
    sourceDbServerResourceId: `${address}@${source.user}`,
    sourceDbServerFullyQualifiedDomainName: address,
    ...sideProperties('source', source),
  };
}

function targetAddress({ target }: WizardDraft): Properties {
  return {
    // Without a host the service takes that of the Azure server.
    ...(target.host.trim() === ''
      ? {}
      : { targetDbServerFullyQualifiedDomainName: addressOf(target) }),
    ...sideProperties('target', target),
  };
}

function sideProperties(side: Side, server: ServerDraft): Properties {
  const options = server.options.trim();
  return {
    [`${side}Tls`]: tlsOf(server),
    ...(server.auth === 'Entra' ? { [`${side}Auth`]: 'Entra' } : {}),
    ...(options === '' ? {} : { [`${side}Options`]: options }),
  };
}

/** A side that logs in with a token has no password. */
function secretsOf(draft: WizardDraft, sides: readonly Side[]): Properties {
  const passwords = sides.filter((side) => draft[side].auth === 'Password');
  return {
    adminCredentials: Object.fromEntries(
      passwords.map((side) => [`${side}ServerPassword`, draft[side].password]),
    ),
    ...Object.fromEntries(sides.map((side) => [`${side}ServerUsername`, draft[side].user])),
  };
}

/** An IPv6 address goes into brackets. */
export function addressOf({ host, port }: Pick<ServerDraft, 'host' | 'port'>): string {
  const name = host.trim();
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}

/** Only what the form shows for the mode. */
function tlsOf({ tlsMode, ...pem }: ServerDraft): Properties {
  const [ca, cert, key] = [pem.ca.trim(), pem.cert.trim(), pem.key.trim()];
  const hasClient = takesClientCertificate(tlsMode);
  return {
    mode: tlsMode,
    ...(ca !== '' && takesAuthorities(tlsMode) ? { ca } : {}),
    ...(cert !== '' && hasClient ? { cert } : {}),
    ...(key !== '' && hasClient ? { key } : {}),
  };
}

function when(isWanted: boolean, property: string): Properties {
  return isWanted ? { [property]: 'True' } : {};
}
