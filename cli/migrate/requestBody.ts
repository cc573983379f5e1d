import { randomBytes } from 'node:crypto';
import type { PgEndpoint, TlsSettings } from '../../shared/pg/endpoint.ts';
import type { MigrateOptions } from './command.ts';
import type { DatabasePair } from './plan.ts';

/** What of the options is for the service. */
export type BodyOptions = Pick<
  MigrateOptions,
  | 'online'
  | 'overwrite'
  | 'roles'
  | 'fenceSource'
  | 'replicaIdentityFull'
  | 'setupReplication'
  | 'include'
  | 'exclude'
  | 'jobs'
> & { verify?: MigrateOptions['verify']; dryRun?: boolean; targetStorageMb?: number };

/** The body of the PUT for one `pgmove migrate`, or one `pgmove validate`. */
export async function migrationBody(
  options: BodyOptions,
  source: PgEndpoint,
  target: PgEndpoint,
  pairs: readonly DatabasePair[],
  migrationOption: 'Validate' | 'ValidateAndMigrate' = 'ValidateAndMigrate',
): Promise<object> {
  const [sourcePassword, targetPassword] = await Promise.all([
    passwordOf(source),
    passwordOf(target),
  ]);
  const renamed = pairs.filter((pair) => pair.source !== pair.target);
  return {
    location: 'local',
    properties: {
      migrationMode: options.online ? 'Online' : 'Offline',
      migrationOption,
      sourceType: 'OnPremises',
      sourceDbServerResourceId: `${hostAndPort(source)}@${source.user}`,
      sourceDbServerFullyQualifiedDomainName: hostAndPort(source),
      targetDbServerFullyQualifiedDomainName: hostAndPort(target),
      sourceTls: tlsBody(source.tls),
      targetTls: tlsBody(target.tls),
      ...(source.options ? { sourceOptions: source.options } : {}),
      ...(target.options ? { targetOptions: target.options } : {}),
      dbsToMigrate: pairs.map((pair) => pair.source),
      ...(renamed.length === 0
        ? {}
        : { targetDbNames: Object.fromEntries(renamed.map((pair) => [pair.source, pair.target])) }),
      overwriteDbsInTarget: options.overwrite ? 'True' : 'False',
      startDataMigration: 'True',
      ...(options.roles ? { migrateRoles: 'True' } : {}),
      ...(options.dryRun ? { dryRunSchema: 'True' } : {}),
      ...(options.targetStorageMb === undefined
        ? {}
        : { targetStorageMb: options.targetStorageMb }),
      ...(options.verify === undefined ? {} : { verify: options.verify }),
      ...(options.fenceSource ? { fenceSource: 'True' } : {}),
      ...(options.replicaIdentityFull ? { setReplicaIdentityFull: 'True' } : {}),
      ...(options.setupReplication ? { setupLogicalReplicationOnSourceDbIfNeeded: 'True' } : {}),
      ...(options.include ? { includeTables: options.include } : {}),
      ...(options.exclude ? { excludeTables: options.exclude } : {}),
      ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
      secretParameters: {
        adminCredentials: {
          sourceServerPassword: sourcePassword,
          targetServerPassword: targetPassword,
        },
        sourceServerUsername: source.user,
        targetServerUsername: target.user,
      },
    },
  };
}

async function passwordOf(endpoint: PgEndpoint): Promise<string> {
  const { password } = endpoint;
  return typeof password === 'function' ? password() : (password ?? '');
}

function tlsBody(tls: TlsSettings): object {
  return {
    mode: tls.mode,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

function hostAndPort(endpoint: PgEndpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

/** The server's name in the ARM path: letters, digits and single hyphens, 3 to 63 of them. */
export function serverNameOf(endpoint: PgEndpoint): string {
  const name = nameOf(`${endpoint.host}-${endpoint.port}`, 63);
  return name.length >= 3 ? name : `server-${name}`;
}

/** `shop-20250131-094512-3fa9`: readable, and unique in practice. */
export function migrationNameFor(pairs: readonly DatabasePair[], now: Date = new Date()): string {
  const what = nameOf(
    pairs.length === 1 ? (pairs[0]?.source ?? '') : `${pairs.length}-databases`,
    40,
  );
  const when = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${what === '' ? 'migration' : what}-${when}-${randomBytes(2).toString('hex')}`;
}

function nameOf(text: string, length: number): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, length)
    .replaceAll(/^-+|-+$/g, '');
}
