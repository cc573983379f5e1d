import type { Properties } from '../../api/migrations.ts';
import type { ServerDraft, WizardDraft } from './draft.ts';

/** What leads to the source; also the body of a test of the connection. */
export function sourceProperties({ source, sourceType }: WizardDraft): Properties {
  const address = addressOf(source);
  return {
    sourceType,
    sourceDbServerResourceId: `${address}@${source.user}`,
    sourceDbServerFullyQualifiedDomainName: address,
    sourceTls: tlsOf(source),
    secretParameters: {
      adminCredentials: { sourceServerPassword: source.password },
      sourceServerUsername: source.user,
    },
  };
}

export function targetProperties({ target }: WizardDraft): Properties {
  return {
    // Without a host the service takes that of the Azure server.
    ...(target.host.trim() === ''
      ? {}
      : { targetDbServerFullyQualifiedDomainName: addressOf(target) }),
    targetTls: tlsOf(target),
    secretParameters: {
      adminCredentials: { targetServerPassword: target.password },
      targetServerUsername: target.user,
    },
  };
}

/** The body of the PUT. */
export function migrationProperties(draft: WizardDraft): Properties {
  const { source, target, mode } = draft;
  const isMoving = draft.option !== 'Validate';
  return {
    ...sourceProperties(draft),
    ...targetProperties(draft),
    migrationMode: mode,
    migrationOption: draft.option,
    dbsToMigrate: draft.databases,
    startDataMigration: 'True',
    overwriteDbsInTarget: booleanText(draft.overwrite),
    migrateRoles: booleanText(draft.migrateRoles),
    ...(isMoving && draft.verify !== 'none' ? { verify: draft.verify } : {}),
    ...(mode === 'Online'
      ? {
          setupLogicalReplicationOnSourceDbIfNeeded: booleanText(draft.setUpReplication),
          fenceSource: booleanText(draft.fenceSource),
          setReplicaIdentityFull: booleanText(draft.replicaIdentityFull),
        }
      : {}),
    secretParameters: {
      adminCredentials: {
        sourceServerPassword: source.password,
        targetServerPassword: target.password,
      },
      sourceServerUsername: source.user,
      targetServerUsername: target.user,
    },
  };
}

/** An IPv6 address goes into brackets. */
export function addressOf({ host, port }: Pick<ServerDraft, 'host' | 'port'>): string {
  const name = host.trim();
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}

function tlsOf({ tlsMode, ca }: ServerDraft): Properties {
  return { mode: tlsMode, ...(ca.trim() === '' ? {} : { ca: ca.trim() }) };
}

function booleanText(value: boolean): 'True' | 'False' {
  return value ? 'True' : 'False';
}
