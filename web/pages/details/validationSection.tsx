import type { ValidationReport } from '../../../shared/api/validationReport.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { readValidation } from '../../api/migrations.ts';
import { Badge } from '../../components/badge.tsx';
import { DataTable } from '../../components/dataTable.tsx';
import type { Column } from '../../components/dataTable.tsx';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { formatBytes, formatCount } from '../../formats/quantities.ts';
import { validationStateLabel } from '../../formats/states.ts';
import { formatDuration, formatMoment } from '../../formats/times.ts';
import { usePoll } from '../../polling.ts';
import { FindingList } from './findingList.tsx';
import type { MigrationView } from './migrationView.ts';

const LOOK_EVERY_MS = 3_000;

type Details = NonNullable<ValidationReport['validationDetails']>;

/** A line of the table: the servers ("instance") or a database. */
interface Part {
  name: string;
  state?: string;
  startedOn?: string;
  endedOn?: string;
  failed: number;
  warnings: number;
}

export function ValidationSection(props: { migration: MigrationKey; view: MigrationView }) {
  const { migration, view } = props;
  const { data, error } = usePoll(
    `validation ${JSON.stringify(migration)}`,
    (signal) => readValidation(migration, signal),
    view.isEnded ? undefined : LOOK_EVERY_MS,
  );
  if (data === undefined) {
    return error === undefined ? (
      <Loading what="the validation" lines={6} />
    ) : (
      <FailureNotice title="The validation cannot be read" error={error} />
    );
  }
  const { validationDetails: details, findings } = data;
  if (details === undefined) return <EmptyState title="The validation has not begun yet" />;
  const notable = findings.filter(({ state }) => state !== 'Succeeded');
  return (
    <div class="stack">
      <section class="card card-table" aria-labelledby="validation-title">
        <h2 id="validation-title">Validation</h2>
        <DataTable
          caption="Validation of the instance and of each database"
          columns={COLUMNS}
          rows={partsOf(data, details)}
          keyOf={({ name }) => name}
        />
      </section>
      <section class="card" aria-labelledby="findings-title">
        <h2 id="findings-title">Findings</h2>
        {notable.length === 0 ? (
          <EmptyState
            title={
              details.status === undefined ? 'Nothing found so far' : 'Every rule is satisfied'
            }
          />
        ) : (
          <FindingList findings={notable} />
        )}
      </section>
      <Estimates report={data} />
    </div>
  );
}

const COLUMNS: readonly Column<Part>[] = [
  { id: 'name', header: 'Validated', isHeader: true, cell: ({ name }) => name },
  {
    id: 'state',
    header: 'Result',
    cell: ({ state }) =>
      state === undefined ? 'In progress' : <Badge label={validationStateLabel(state)} />,
  },
  {
    id: 'failed',
    header: 'Failed rules',
    isNumber: true,
    cell: ({ failed }) => formatCount(failed),
  },
  {
    id: 'warnings',
    header: 'Warnings',
    isNumber: true,
    cell: ({ warnings }) => formatCount(warnings),
  },
  {
    id: 'started',
    header: 'Start',
    cell: ({ startedOn }) => (startedOn === undefined ? '–' : formatMoment(startedOn)),
  },
  {
    id: 'ended',
    header: 'End',
    cell: ({ endedOn }) => (endedOn === undefined ? '–' : formatMoment(endedOn)),
  },
  {
    id: 'duration',
    header: 'Duration',
    isNumber: true,
    cell: ({ startedOn, endedOn }) =>
      startedOn === undefined || endedOn === undefined
        ? '–'
        : formatDuration(Date.parse(endedOn) - Date.parse(startedOn)),
  },
];

function partsOf(report: ValidationReport, details: Details): Part[] {
  const { findings } = report;
  const instance = findings.filter(({ databaseName }) => databaseName === undefined);
  const failed = instance.filter(({ state }) => state === 'Failed').length;
  const warnings = instance.filter(({ state }) => state === 'Warning').length;
  const isDone = details.serverLevelValidationDetails.length > 0;
  const times = new Map(details.dbLevelValidationDetails.map((item) => [item.databaseName, item]));
  return [
    {
      name: 'Instance',
      state: isDone ? (failed > 0 ? 'Failed' : warnings > 0 ? 'Warning' : 'Succeeded') : undefined,
      startedOn: details.validationStartTimeInUtc,
      endedOn: details.validationEndTimeInUtc,
      failed,
      warnings,
    },
    ...report.databases.map((database) => ({
      name: `Database ${database.databaseName}`,
      state: database.status,
      startedOn: times.get(database.databaseName)?.startedOn,
      endedOn: times.get(database.databaseName)?.endedOn,
      failed: database.failed,
      warnings: database.warnings,
    })),
  ];
}

type Estimated = ValidationReport['databases'][number];

const ESTIMATE_COLUMNS: readonly Column<Estimated>[] = [
  { id: 'name', header: 'Database', isHeader: true, cell: ({ databaseName }) => databaseName },
  {
    id: 'tables',
    header: 'Tables',
    isNumber: true,
    cell: ({ estimate }) => formatCount(estimate?.tableCount ?? 0),
  },
  {
    id: 'rows',
    header: 'Rows',
    isNumber: true,
    cell: ({ estimate }) => formatBytes(estimate?.tableBytes ?? 0),
  },
  {
    id: 'indexes',
    header: 'Indexes',
    isNumber: true,
    cell: ({ estimate }) => formatBytes(estimate?.indexBytes ?? 0),
  },
  {
    id: 'time',
    header: 'Copy time, roughly',
    isNumber: true,
    cell: ({ estimate }) =>
      estimate?.seconds === undefined ? '–' : formatDuration(estimate.seconds * 1000),
  },
];

function Estimates({ report }: { report: ValidationReport }) {
  const estimated = report.databases.filter(({ estimate }) => estimate !== undefined);
  if (estimated.length === 0) return null;
  return (
    <section class="card card-table" aria-labelledby="estimate-title">
      <h2 id="estimate-title">Size and time to expect</h2>
      <DataTable
        caption="Estimates"
        columns={ESTIMATE_COLUMNS}
        rows={estimated}
        keyOf={({ databaseName }) => databaseName}
      />
    </section>
  );
}
