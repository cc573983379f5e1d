import type { MigrationKey } from '../../api/migrationId.ts';
import { listTables } from '../../api/migrations.ts';
import { countOf } from '../../formats/quantities.ts';
import { usePoll } from '../../polling.ts';
import { detailsHref } from '../../routing.ts';

const MOST_SHOWN = 5;

/** The first of the tables that failed, with what PostgreSQL said. */
export function FailedTables(props: { migration: MigrationKey; database: string; count: number }) {
  const { migration, database, count } = props;
  const { data } = usePoll(
    `${JSON.stringify(migration)} ${database} ${count}`,
    (signal) => listTables(migration, database, { state: 'failed', top: MOST_SHOWN }, signal),
    undefined,
  );
  return (
    <>
      {data === undefined ? null : (
        <ul class="failure-list">
          {data.value.map(({ tableId, schema, table, error }) => (
            <li key={tableId}>
              <code>
                {schema}.{table}
              </code>
              <span class="message">{error}</span>
            </li>
          ))}
        </ul>
      )}
      <p>
        <a href={detailsHref(migration, 'tables', database)}>
          {countOf(count, 'table')} failed: see all tables of {database}
        </a>
      </p>
    </>
  );
}
