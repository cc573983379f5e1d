import type { DatabaseDetails, MigrationResource } from '../apiClient.ts';
import { renderTable } from '../terminal/table.ts';
import { formatBytes, formatCount } from '../terminal/units.ts';
import { printable } from '../terminal/width.ts';

export type OutputFormat = 'json' | 'table' | 'tsv';

/** The Azure CLI lifts the properties to the top; scripts rely on it. */
export function flatten(resource: MigrationResource): Record<string, unknown> {
  const { properties, ...rest } = resource;
  return { ...rest, ...properties };
}

export function renderMigration(resource: MigrationResource, format: OutputFormat): string {
  if (format !== 'table') return renderObject(flatten(resource), format);
  const details = resource.properties.currentStatus.currentSubStateDetails?.dbDetails ?? {};
  const error = resource.properties.currentStatus.error;
  return [
    migrationTable([resource]),
    ...(Object.keys(details).length === 0 ? [] : [databaseTable(details)]),
    ...(error ? [`${printable(error)}\n`] : []),
  ].join('\n');
}

export function renderMigrations(
  resources: readonly MigrationResource[],
  format: OutputFormat,
): string {
  if (format === 'json') return `${JSON.stringify(resources.map(flatten), null, 2)}\n`;
  if (format === 'tsv') return resources.map((one) => renderObject(flatten(one), 'tsv')).join('');
  return resources.length === 0 ? '' : migrationTable(resources);
}

/** JSON, or one line of its scalar values, or a line for each value. */
export function renderObject(value: Record<string, unknown>, format: OutputFormat): string {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  const scalars = Object.entries(value).flatMap(([name, one]): [string, string][] => {
    const text = scalarText(one);
    return text === undefined ? [] : [[name, text]];
  });
  if (format === 'tsv') {
    return `${scalars.map(([, text]) => text.replaceAll(/[\t\r\n]+/g, ' ')).join('\t')}\n`;
  }
  return renderTable(
    [{ title: 'name' }, { title: 'value' }],
    scalars.map(([name, text]) => [name, printable(text)]),
  );
}

/** undefined for lists and objects: only JSON has a place for them. */
function scalarText(value: unknown): string | undefined {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function migrationTable(resources: readonly MigrationResource[]): string {
  return renderTable(
    [
      { title: 'name' },
      { title: 'state' },
      { title: 'substate' },
      { title: 'mode' },
      { title: 'databases' },
    ],
    resources.map((resource) => {
      const { properties } = resource;
      const status = properties.currentStatus;
      return [
        resource.name,
        status.state,
        status.currentSubStateDetails?.currentSubState ?? '',
        properties.migrationMode ?? '',
        printable((properties.dbsToMigrate ?? []).join(', ')),
      ];
    }),
  );
}

function databaseTable(details: Readonly<Record<string, DatabaseDetails>>): string {
  const count = (value: number | undefined): string => formatCount(value ?? 0);
  const isOnline = Object.values(details).some(({ stream }) => stream !== undefined);
  return renderTable(
    [
      { title: 'database' },
      { title: 'state' },
      { title: 'operation' },
      { title: 'queued', align: 'right' },
      { title: 'loading', align: 'right' },
      { title: 'completed', align: 'right' },
      { title: 'failed', align: 'right' },
      { title: 'rows', align: 'right' },
      { title: 'bytes', align: 'right' },
      ...(isOnline
        ? ([
            { title: 'latency', align: 'right' },
            { title: 'lag', align: 'right' },
            { title: 'applied', align: 'right' },
          ] as const)
        : []),
    ],
    Object.entries(details).map(([name, detail]) => [
      printable(name),
      detail.migrationState ?? '',
      detail.migrationOperation ?? '',
      count(detail.fullLoadQueuedTables),
      count(detail.fullLoadLoadingTables),
      count(detail.fullLoadCompletedTables),
      count(detail.fullLoadErroredTables),
      count(detail.rowsCopied),
      formatBytes(detail.bytesCopied ?? 0),
      ...(isOnline
        ? [
            `${count(detail.latency)} s`,
            formatBytes(detail.stream?.lagBytes ?? 0),
            count(detail.appliedChanges),
          ]
        : []),
    ]),
  );
}
