import { useEffect, useState } from 'preact/hooks';
import type { TableStatus } from '../../../shared/api/resource.ts';
import { TABLE_STATES } from '../../../shared/api/vocabulary.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { continuationOf, listTables } from '../../api/migrations.ts';
import { Badge } from '../../components/badge.tsx';
import { DataTable } from '../../components/dataTable.tsx';
import type { Column } from '../../components/dataTable.tsx';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { Pager } from '../../components/pager.tsx';
import { formatBytes, formatCount, formatShort } from '../../formats/quantities.ts';
import { tableStateLabel } from '../../formats/states.ts';
import { formatDuration } from '../../formats/times.ts';
import { usePoll } from '../../polling.ts';
import { chosenDatabase, DatabasePicker } from './databasePicker.tsx';
import type { MigrationView } from './migrationView.ts';

const LOOK_EVERY_MS = 3_000;
const PAGE_SIZE = 100;

interface TablesSectionProps {
  migration: MigrationKey;
  view: MigrationView;
  database?: string;
}

export function TablesSection({ migration, view, database }: TablesSectionProps) {
  const chosen = chosenDatabase(view, database);
  const [state, setState] = useState('');
  if (chosen === undefined) return <EmptyState title="No database has begun yet" />;
  return (
    <section class="stack" aria-labelledby="tables-title">
      <div class="section-head">
        <h2 id="tables-title">Tables of {chosen.databaseName}</h2>
        {view.databases.length < 2 ? null : (
          <DatabasePicker
            migration={migration}
            view={view}
            section="tables"
            chosen={chosen.databaseName}
          />
        )}
        <label class="inline-label">
          State{' '}
          <select
            class="input"
            value={state}
            onChange={(event) => setState(event.currentTarget.value)}
          >
            <option value="">All</option>
            {TABLE_STATES.map((item) => (
              <option key={item} value={item}>
                {tableStateLabel(item).text}
              </option>
            ))}
          </select>
        </label>
      </div>
      <TablePages
        key={`${chosen.databaseName}\n${state}`}
        migration={migration}
        database={chosen.databaseName}
        state={state}
        total={state === '' ? chosen.tablesTotal : undefined}
        isEnded={view.isEnded}
      />
    </section>
  );
}

/** One page of the tables at a time, as the service gives them. */
function TablePages(props: {
  migration: MigrationKey;
  database: string;
  state: string;
  total?: number;
  isEnded: boolean;
}) {
  const { migration, database, state, total, isEnded } = props;
  const [page, setPage] = useState(0);
  /** Where each page begins, as far as they were seen. */
  const [starts, setStarts] = useState<readonly (string | undefined)[]>([undefined]);
  const { data, error } = usePoll(
    JSON.stringify([migration, database, state, starts[page]]),
    (signal) => {
      const query = { state: state || undefined, top: PAGE_SIZE, continuation: starts[page] };
      return listTables(migration, database, query, signal);
    },
    isEnded ? undefined : LOOK_EVERY_MS,
  );
  const next = data === undefined ? undefined : continuationOf(data);
  useEffect(() => {
    if (next !== undefined) setStarts((before) => [...before.slice(0, page + 1), next]);
  }, [next, page]);
  if (data === undefined) {
    return error === undefined ? (
      <Loading what="tables" lines={6} />
    ) : (
      <FailureNotice title="The tables cannot be read" error={error} />
    );
  }
  if (data.value.length === 0) {
    return (
      <EmptyState title={state === '' ? 'No table is planned yet' : 'No table is in this state'} />
    );
  }
  return (
    <div class="card card-table">
      <DataTable
        caption={`Tables of ${database}`}
        columns={COLUMNS}
        rows={data.value}
        keyOf={({ tableId }) => tableId}
      />
      <Pager
        what="table"
        page={page}
        pageSize={PAGE_SIZE}
        total={total}
        shown={data.value.length}
        hasNext={next !== undefined}
        onPage={setPage}
      />
    </div>
  );
}

const COLUMNS: readonly Column<TableStatus>[] = [
  {
    id: 'table',
    header: 'Table',
    isHeader: true,
    cell: ({ schema, table }) => (
      <span class="name">
        {schema}.{table}
      </span>
    ),
  },
  {
    id: 'state',
    header: 'State',
    cell: ({ state, error }) => (
      <>
        <Badge label={tableStateLabel(state)} />
        {error === '' ? null : <p class="cell-error cell-error-whole">{error}</p>}
      </>
    ),
  },
  { id: 'rows', header: 'Rows', isNumber: true, cell: ({ rows }) => formatCount(rows) },
  {
    id: 'data',
    header: 'Data',
    isNumber: true,
    cell: ({ bytes, bytesTotal }) =>
      bytes >= bytesTotal
        ? formatBytes(bytes)
        : `${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`,
  },
  { id: 'rate', header: 'Rate', isNumber: true, cell: rateText },
  {
    id: 'parts',
    header: 'Parts',
    isNumber: true,
    cell: ({ partsDone, partCount }) => (partCount <= 1 ? '–' : `${partsDone} of ${partCount}`),
  },
  {
    id: 'times',
    header: 'Copy, index time',
    isNumber: true,
    cell: ({ copyMs, indexMs }) =>
      copyMs + indexMs === 0 ? '–' : `${formatDuration(copyMs)}, ${formatDuration(indexMs)}`,
  },
];

/** Over all of the time that its connections copied. */
function rateText({ rows, bytes, copyMs }: TableStatus): string {
  if (copyMs === 0 || rows === 0) return '–';
  const seconds = copyMs / 1000;
  return `${formatShort(rows / seconds)} rows/s, ${formatBytes(bytes / seconds)}/s`;
}
