import type { MigrationSummary } from '../../../shared/api/summary.ts';
import { parseMigrationId } from '../../api/migrationId.ts';
import { Badge } from '../../components/badge.tsx';
import { DataTable } from '../../components/dataTable.tsx';
import type { Column } from '../../components/dataTable.tsx';
import { countOf } from '../../formats/quantities.ts';
import { migrationStatusLabel, migrationTypeText, sourceTypeText } from '../../formats/states.ts';
import { elapsedMs, formatDuration, formatMoment } from '../../formats/times.ts';
import { useNow } from '../../polling.ts';
import { detailsHref } from '../../routing.ts';

/** The columns of the published grid, in its order. */
function columnsAt(now: number): Column<MigrationSummary>[] {
  return [
    {
      id: 'name',
      header: 'Name',
      isHeader: true,
      cell: (migration) => <a href={hrefOf(migration)}>{migration.name}</a>,
    },
    {
      id: 'status',
      header: 'Status',
      cell: ({ state, subState, error }) => (
        <>
          <Badge label={migrationStatusLabel(state, subState)} />
          {error === '' ? null : <p class="cell-error">{error}</p>}
        </>
      ),
    },
    {
      id: 'type',
      header: 'Migration type',
      cell: ({ migrationOption }) => migrationTypeText(migrationOption),
    },
    { id: 'mode', header: 'Migration mode', cell: ({ migrationMode }) => migrationMode },
    {
      id: 'source',
      header: 'Source server',
      cell: ({ sourceServer }) => <Address text={sourceServer} />,
    },
    {
      id: 'source-type',
      header: 'Source server type',
      cell: ({ sourceType }) => sourceTypeText(sourceType),
    },
    {
      id: 'databases',
      header: 'Databases',
      cell: ({ databases, databaseCount }) => (
        <span title={databases.join(', ')}>{databasesText(databases, databaseCount)}</span>
      ),
    },
    { id: 'started', header: 'Start time', cell: ({ startedOn }) => formatMoment(startedOn) },
    {
      id: 'duration',
      header: 'Duration',
      isNumber: true,
      cell: ({ startedOn, endedOn }) => formatDuration(elapsedMs(startedOn, endedOn, now)),
    },
  ];
}

export function MigrationTable({ migrations }: { migrations: readonly MigrationSummary[] }) {
  const now = useNow(migrations.some(({ endedOn }) => endedOn === undefined));
  return (
    <div class="card card-table">
      <DataTable
        caption="Migrations, newest first"
        columns={columnsAt(now)}
        rows={migrations}
        keyOf={({ id }) => id}
      />
    </div>
  );
}

function hrefOf({ id }: MigrationSummary): string | undefined {
  const key = parseMigrationId(id);
  return key === undefined ? undefined : detailsHref(key);
}

/** Breaks before its port rather than within it. */
function Address({ text }: { text: string }) {
  const at = text.lastIndexOf(':');
  return (
    <>
      {text.slice(0, at)}
      <wbr />
      {text.slice(at)}
    </>
  );
}

function databasesText(databases: readonly string[], count: number): string {
  if (count === 0) return 'Not chosen yet';
  return count <= 2 ? databases.join(', ') : countOf(count, 'database');
}
