import { sourceTypeText } from '../../formats/states.ts';
import type { MigrationView } from './migrationView.ts';

/** What the migration was asked to do. Secrets are never answered, so none can stand here. */
export function SettingsSection({ view: { properties, option } }: { view: MigrationView }) {
  const p = properties;
  const names = p.dbsToMigrate ?? [];
  const settings: [string, string | undefined][] = [
    ['Migration option', option],
    ['Migration mode', p.migrationMode],
    ['Worker group', p.migrationInstanceResourceId],
    ['Source server type', p.sourceType === undefined ? undefined : sourceTypeText(p.sourceType)],
    ['Source', p.sourceDbServerResourceId],
    ['Source, connected as', p.sourceDbServerFullyQualifiedDomainName],
    ['Source version', p.sourceDbServerMetadata?.version],
    ['Source TLS', tlsText(p.sourceTls)],
    ['Source login', p.sourceAuth],
    ['Source session options', p.sourceOptions],
    ['Target', p.targetDbServerFullyQualifiedDomainName],
    ['Target resource', p.targetDbServerResourceId],
    ['Target version', p.targetDbServerMetadata?.version],
    ['Target TLS', tlsText(p.targetTls)],
    ['Target login', p.targetAuth],
    ['Target session options', p.targetOptions],
    ['Databases', names.length > 50 ? `${names.length} databases` : names.join(', ')],
    [
      'Renamed',
      Object.entries(p.targetDbNames ?? {})
        .map((pair) => pair.join(' → '))
        .join(', '),
    ],
    ['Only tables', p.includeTables?.join(', ')],
    ['Without tables', p.excludeTables?.join(', ')],
    ['Parallel jobs', p.jobs?.toString()],
    ['Comparison after the copy', p.verify],
    ['Overwrite target databases', yesNo(p.overwriteDbsInTarget)],
    ['Migrate roles', yesNo(p.migrateRoles)],
    ['Set up replication if needed', yesNo(p.setupLogicalReplicationOnSourceDbIfNeeded)],
    ['Replica identity FULL where none', yesNo(p.setReplicaIdentityFull)],
    ['Close the source at cutover', yesNo(p.fenceSource)],
    ['Migration id', p.migrationId],
    ['Run', String(p.run + 1)],
  ];
  return (
    <section class="card" aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      <dl class="settings">
        {settings.map(([name, value]) =>
          value === undefined || value === '' ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </section>
  );
}

function tlsText(tls: { mode?: string; ca?: string; cert?: string } | undefined) {
  if (tls === undefined) return undefined;
  return [
    tls.mode,
    tls.ca === undefined ? undefined : 'certificate authorities given',
    tls.cert === undefined ? undefined : 'client certificate',
  ]
    .filter((text) => text !== undefined)
    .join(', ');
}

function yesNo(value: 'True' | 'False' | undefined): string | undefined {
  if (value === undefined) return undefined;
  return value === 'True' ? 'Yes' : 'No';
}
