import type { MigrationKey } from '../../api/migrationId.ts';
import { Chart } from '../../components/chart.tsx';
import { EmptyState } from '../../components/emptyState.tsx';
import { formatBytes, formatShort } from '../../formats/quantities.ts';
import { formatLatency } from '../../formats/times.ts';
import { chosenDatabase, DatabasePicker } from './databasePicker.tsx';
import type { MigrationView } from './migrationView.ts';
import { ratesOf } from './samples.ts';
import type { Sample, SamplesByDatabase } from './samples.ts';

interface ChartsSectionProps {
  migration: MigrationKey;
  view: MigrationView;
  database?: string;
  samples: SamplesByDatabase;
}

interface Plot {
  title: string;
  isOnlineOnly?: boolean;
  format: (value: number) => string;
  values: (samples: readonly Sample[]) => (number | null)[];
}

const PLOTS: readonly Plot[] = [
  {
    title: 'Rows copied per second',
    format: (value) => `${formatShort(value)} rows/s`,
    values: (samples) => ratesOf(samples, ({ rows }) => rows),
  },
  {
    title: 'Data copied per second',
    format: (value) => `${formatBytes(value)}/s`,
    values: (samples) => ratesOf(samples, ({ bytes }) => bytes),
  },
  {
    title: 'Changes applied per second',
    isOnlineOnly: true,
    format: (value) => `${formatShort(value)}/s`,
    values: (samples) => ratesOf(samples, ({ appliedChanges }) => appliedChanges),
  },
  {
    title: 'Latency',
    isOnlineOnly: true,
    format: formatLatency,
    values: (samples) => samples.map(({ lagSeconds }) => lagSeconds ?? null),
  },
  {
    title: 'WAL not applied yet',
    isOnlineOnly: true,
    format: formatBytes,
    values: (samples) => samples.map(({ lagBytes }) => lagBytes ?? null),
  },
  {
    title: 'WAL kept by the slot',
    isOnlineOnly: true,
    format: formatBytes,
    values: (samples) => samples.map(({ slotBytes }) => slotBytes ?? null),
  },
];

export function ChartsSection({ migration, view, database, samples }: ChartsSectionProps) {
  const chosen = chosenDatabase(view, database);
  if (chosen === undefined) return <EmptyState title="No database has begun yet" />;
  const series = samples.get(chosen.databaseName) ?? [];
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
          <Chart
            key={plot.title}
            title={plot.title}
            times={times}
            values={plot.values(series)}
            format={plot.format}
          />
        ))}
      </div>
    </section>
  );
}
