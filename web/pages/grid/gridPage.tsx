import { useState } from 'preact/hooks';
import { listMigrations } from '../../api/migrations.ts';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { Pager } from '../../components/pager.tsx';
import { usePoll } from '../../polling.ts';
import { WIZARD_HREF } from '../../routing.ts';
import { filterMigrations, NO_FILTER } from './filterMigrations.ts';
import type { GridFilter } from './filterMigrations.ts';
import { FilterBar } from './filterBar.tsx';
import { MigrationTable } from './migrationTable.tsx';

const LOOK_EVERY_MS = 4_000;

/** As many rows as are drawn at once, however many migrations there are. */
const PAGE_SIZE = 50;

/** Kept while the details of a migration are looked at. */
let lastFilter: GridFilter = NO_FILTER;

export function GridPage() {
  const { data, error } = usePoll('migrations', (signal) => listMigrations(signal), LOOK_EVERY_MS);
  const [filter, setFilter] = useState(lastFilter);
  const [page, setPage] = useState(0);
  const change = (changed: Partial<GridFilter>) => {
    lastFilter = { ...filter, ...changed };
    setFilter(lastFilter);
    setPage(0);
  };
  return (
    <>
      <h1>Migrations</h1>
      {error === undefined ? null : (
        <FailureNotice title="The list cannot be refreshed" error={error} />
      )}
      {data === undefined ? (
        error === undefined && <Loading what="migrations" lines={6} />
      ) : data.value.length === 0 ? (
        <EmptyState title="No migrations yet">
          <p>Move a PostgreSQL database to another server in a few steps.</p>
          <a class="button button-primary" href={WIZARD_HREF}>
            New migration
          </a>
        </EmptyState>
      ) : (
        <>
          <FilterBar filter={filter} migrations={data.value} onChange={change} />
          <FilteredTable
            migrations={filterMigrations(data.value, filter)}
            page={page}
            onPage={setPage}
            onClear={() => change(NO_FILTER)}
          />
        </>
      )}
    </>
  );
}

function FilteredTable(props: {
  migrations: ReturnType<typeof filterMigrations>;
  page: number;
  onPage: (page: number) => void;
  onClear: () => void;
}) {
  const { migrations, onPage, onClear } = props;
  if (migrations.length === 0) {
    return (
      <EmptyState title="No migration fits the filter">
        <button type="button" class="button" onClick={onClear}>
          Show all
        </button>
      </EmptyState>
    );
  }
  const lastPage = Math.floor((migrations.length - 1) / PAGE_SIZE);
  const page = Math.min(props.page, lastPage);
  const shown = migrations.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  return (
    <>
      <MigrationTable migrations={shown} />
      <Pager
        what="migration"
        page={page}
        pageSize={PAGE_SIZE}
        total={migrations.length}
        shown={shown.length}
        hasNext={page < lastPage}
        onPage={onPage}
      />
    </>
  );
}
