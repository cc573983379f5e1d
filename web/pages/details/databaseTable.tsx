import type { DatabaseStatus } from '../../../shared/api/resource.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { Badge } from '../../components/badge.tsx';
import { DataTable } from '../../components/dataTable.tsx';
import type { Column } from '../../components/dataTable.tsx';
import { ProgressBar } from '../../components/progressBar.tsx';
import { formatBytes, formatCount } from '../../formats/quantities.ts';
import { databaseStateLabel } from '../../formats/states.ts';
import { elapsedMs, formatDuration, formatLatency } from '../../formats/times.ts';
import { useNow } from '../../polling.ts';
import { detailsHref } from '../../routing.ts';
import type { MigrationView } from './migrationView.ts';

interface DatabaseTableProps {
  migration: MigrationKey;
  view: MigrationView;
  databases: readonly DatabaseStatus[];
}

export function DatabaseTable({ migration, view, databases }: DatabaseTableProps) {
  const now = useNow(!view.isEnded);
  return (
    <DataTable
      caption="Databases of the migration"
      columns={columnsOf(migration, view, now)}
      rows={databases}
      keyOf={({ databaseName }) => databaseName}
    />
  );
}

function columnsOf(
  migration: MigrationKey,
  view: MigrationView,
  now: number,
): Column<DatabaseStatus>[] {
  const isMoving = view.option !== 'Validate';
  return [
    {
      id: 'database',
      header: 'Database',
      isHeader: true,
      cell: (database) => <DatabaseName migration={migration} database={database} />,
    },
    {
      id: 'state',
      header: 'State',
      cell: ({ migrationState, migrationOperation }) => (
        <>
          <Badge label={databaseStateLabel(migrationState)} />
          {migrationOperation === '' || migrationState === 'Succeeded' ? null : (
            <p class="cell-note">{migrationOperation}</p>
          )}
        </>
      ),
    },
    ...(isMoving ? copyColumns() : []),
    ...(isMoving && view.isOnline ? streamColumns() : []),
    {
      id: 'duration',
      header: 'Duration',
      isNumber: true,
      cell: ({ startedOn, endedOn }) =>
        startedOn === undefined ? '–' : formatDuration(elapsedMs(startedOn, endedOn, now)),
    },
  ];
}

function DatabaseName(props: { migration: MigrationKey; database: DatabaseStatus }) {
  const { databaseName, targetDatabaseName } = props.database;
  return (
    <>
      <a href={detailsHref(props.migration, 'tables', databaseName)}>{databaseName}</a>
      {targetDatabaseName === databaseName ? null : (
        <p class="cell-note">as {targetDatabaseName}</p>
      )}
    </>
  );
}

function copyColumns(): Column<DatabaseStatus>[] {
  return [
    { id: 'tables', header: 'Tables', cell: (database) => <TableCounts database={database} /> },
    {
      id: 'rows',
      header: 'Rows',
      isNumber: true,
      cell: ({ rowsCopied }) => formatCount(rowsCopied),
    },
    {
      id: 'data',
      header: 'Data',
      isNumber: true,
      cell: ({ bytesCopied }) => formatBytes(bytesCopied),
    },
  ];
}

function streamColumns(): Column<DatabaseStatus>[] {
  return [
    {
      id: 'latency',
      header: 'Latency',
      isNumber: true,
      cell: ({ stream, latency }) => (stream === undefined ? '–' : formatLatency(latency)),
    },
    {
      id: 'applied',
      header: 'Applied changes',
      isNumber: true,
      cell: ({ appliedChanges }) => formatCount(appliedChanges),
    },
    {
      id: 'incoming',
      header: 'Incoming changes',
      isNumber: true,
      cell: ({ incomingChanges }) => formatCount(incomingChanges),
    },
  ];
}

function TableCounts({ database }: { database: DatabaseStatus }) {
  const {
    databaseName,
    tablesTotal,
    fullLoadCompletedTables: copied,
    fullLoadLoadingTables: copying,
    fullLoadQueuedTables: queued,
    fullLoadErroredTables: errored,
  } = database;
  const parts = [
    `${formatCount(copied)} copied`,
    ...(copying > 0 ? [`${formatCount(copying)} copying`] : []),
    ...(queued > 0 ? [`${formatCount(queued)} queued`] : []),
  ];
  return (
    <div class="table-counts">
      <ProgressBar
        label={`Tables of ${databaseName} copied`}
        done={copied}
        total={tablesTotal}
        tone={errored > 0 ? 'bad' : copied === tablesTotal ? 'good' : 'busy'}
      />
      <span class="cell-note">
        {parts.join(', ')}
        {errored === 0 ? null : <span class="text-bad">, {formatCount(errored)} errored</span>}
      </span>
    </div>
  );
}
