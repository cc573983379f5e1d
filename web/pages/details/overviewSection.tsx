import { useState } from 'preact/hooks';
import type { MigrationKey } from '../../api/migrationId.ts';
import { EmptyState } from '../../components/emptyState.tsx';
import { Pager } from '../../components/pager.tsx';
import { ProgressBar } from '../../components/progressBar.tsx';
import { formatBytes, formatCount } from '../../formats/quantities.ts';
import { formatLatency } from '../../formats/times.ts';
import { DatabaseTable } from './databaseTable.tsx';
import { totalsOf } from './migrationView.ts';
import type { MigrationView, Totals } from './migrationView.ts';
import { NotCarried } from './notCarried.tsx';
import { TimelineView } from './timelineView.tsx';

const PAGE_SIZE = 25;

export function OverviewSection({
  migration,
  view,
}: {
  migration: MigrationKey;
  view: MigrationView;
}) {
  const [page, setPage] = useState(0);
  const totals = totalsOf(view.databases);
  const shown = view.databases.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  return (
    <div class="stack">
      <section class="card" aria-labelledby="steps-title">
        <h2 id="steps-title">Steps</h2>
        <TimelineView view={view} />
      </section>
      {view.databases.length === 0 || view.option === 'Validate' ? null : (
        <Figures totals={totals} isOnline={view.isOnline} />
      )}
      <section class="card card-table" aria-labelledby="databases-title">
        <h2 id="databases-title">Databases</h2>
        {view.databases.length === 0 ? (
          <NoDatabases view={view} />
        ) : (
          <>
            <DatabaseTable migration={migration} view={view} databases={shown} />
            <Pager
              what="database"
              page={page}
              pageSize={PAGE_SIZE}
              total={view.databases.length}
              shown={shown.length}
              hasNext={(page + 1) * PAGE_SIZE < view.databases.length}
              onPage={setPage}
            />
          </>
        )}
      </section>
      <NotCarried databases={view.databases} />
    </div>
  );
}

function NoDatabases({ view: { properties, isEnded } }: { view: MigrationView }) {
  const names = properties.dbsToMigrate ?? [];
  if (names.length === 0) return <EmptyState title="No database is named yet" />;
  return (
    <EmptyState title={isEnded ? 'No database was begun' : 'No database has begun yet'}>
      <p>{names.slice(0, 20).join(', ')}</p>
    </EmptyState>
  );
}

function Figures({ totals, isOnline }: { totals: Totals; isOnline: boolean }) {
  return (
    <dl class="figures">
      <Figure
        name="Databases"
        value={`${totals.databasesDone} of ${totals.databases}`}
        note="done"
      />
      <Figure
        name="Tables copied"
        value={`${formatCount(totals.tablesDone)} of ${formatCount(totals.tables)}`}
        note={totals.tablesFailed === 0 ? undefined : `${formatCount(totals.tablesFailed)} failed`}
        isBad={totals.tablesFailed > 0}
      />
      <Figure name="Rows copied" value={formatCount(totals.rows)} />
      <div class="figure">
        <dt>Data copied</dt>
        <dd>
          {formatBytes(totals.bytes)}
          <ProgressBar label="Tables copied" done={totals.tablesDone} total={totals.tables} />
        </dd>
      </div>
      {!isOnline ? null : (
        <>
          <Figure
            name="Latency"
            value={totals.latency === undefined ? 'None yet' : formatLatency(totals.latency)}
            note={
              totals.lagBytes === undefined ? undefined : `${formatBytes(totals.lagBytes)} of WAL`
            }
          />
          <Figure name="Changes applied" value={formatCount(totals.appliedChanges)} />
        </>
      )}
    </dl>
  );
}

function Figure(props: { name: string; value: string; note?: string; isBad?: boolean }) {
  const { name, value, note, isBad = false } = props;
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        {value}
        {note === undefined ? null : (
          <span class={`figure-note${isBad ? ' text-bad' : ''}`}>{note}</span>
        )}
      </dd>
    </div>
  );
}
