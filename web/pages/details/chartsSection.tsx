import type { MigrationKey } from '../../api/migrationId.ts';
import { listSamples } from '../../api/migrations.ts';
import { Chart } from '../../components/chart.tsx';
import { EmptyState } from '../../components/emptyState.tsx';
import { formatBytes, formatShort } from '../../formats/quantities.ts';
import { formatLatency } from '../../formats/times.ts';
import { usePoll } from '../../polling.ts';
import { chosenDatabase, DatabasePicker } from './databasePicker.tsx';
import type { MigrationView } from './migrationView.ts';
import { joinSamples, ratesOf, toSamples } from './samples.ts';
import type { Sample, SamplesByDatabase } from './samples.ts';

/** The service notes a sample every ten seconds. */
const LOOK_EVERY_MS = 10_000;

interface ChartsSectionProps {
  migration: MigrationKey;
  view: MigrationView;
  database?: string;
  samples: SamplesByDatabase;
}

interface Plot {
  title: string;
  isOnlineOnly?: boolean;
  least: number;
  isBinary?: boolean;
  format: (value: number) => string;
  values: (samples: readonly Sample[]) => (number | null)[];
}

const PLOTS: readonly Plot[] = [
  {
    title: 'Rows copied per second',
    least: 100,
    format: (value) => `${formatShort(value)} rows/s`,
    values: (samples) => ratesOf(samples, ({ rows }) => rows),
  },
  {
    title: 'Data copied per second',
    least: 1024,
    isBinary: true,
    format: (value) => `${formatBytes(value)}/s`,
    values: (samples) => ratesOf(samples, ({ bytes }) => bytes),
  },
  {
    title: 'Changes applied per second',
    least: 10,
    isOnlineOnly: true,
    format: (value) => `${formatShort(value)}/s`,
    values: (samples) => ratesOf(samples, ({ appliedChanges }) => appliedChanges),
  },
  {
    title: 'Latency',
    least: 10,
    isOnlineOnly: true,
    format: formatLatency,
    values: (samples) => samples.map(({ lagSeconds }) => lagSeconds ?? null),
  },
  {
    title: 'WAL not applied yet',
    least: 1024 ** 2,
    isBinary: true,
    isOnlineOnly: true,
    format: formatBytes,
    values: (samples) => samples.map(({ lagBytes }) => lagBytes ?? null),
  },
  {
    title: 'WAL kept by the slot',
    least: 1024 ** 2,
    isBinary: true,
    isOnlineOnly: true,
    format: formatBytes,
    values: (samples) => samples.map(({ slotBytes }) => slotBytes ?? null),
  },
];

export function ChartsSection({ migration, view, database, samples }: ChartsSectionProps) {
  const chosen = chosenDatabase(view, database);
  const name = chosen?.databaseName;
  const { data: history } = usePoll(
    name === undefined ? undefined : JSON.stringify(['samples', migration, name]),
    (signal) => listSamples(migration, name ?? '', signal),
    view.isEnded ? undefined : LOOK_EVERY_MS,
  );
  if (chosen === undefined) return <EmptyState title="No database has begun yet" />;
  const seen = samples.get(chosen.databaseName) ?? [];
  const series = joinSamples(
    history === undefined ? [] : toSamples(history),
    view.isEnded ? [] : seen,
  );
  const times = series.map(({ time }) => time);
  return (
    <section class="stack" aria-labelledby="charts-title">
      <div class="section-head">
        <h2 id="charts-title">Charts of {chosen.databaseName}</h2>
        {view.databases.length < 2 ? null : (
          <DatabasePicker
            migration={migration}
            view={view}
            section="charts"
            chosen={chosen.databaseName}
          />
        )}
      </div>
      <div class="chart-grid">
        {PLOTS.filter(({ isOnlineOnly }) => view.isOnline || !isOnlineOnly).map((plot) => (
          <Chart key={plot.title} {...plot} times={times} values={plot.values(series)} />
        ))}
      </div>
    </section>
  );
}
