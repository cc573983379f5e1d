import type { MigrationSummary } from '../../../shared/api/summary.ts';
import { formatCount } from '../../formats/quantities.ts';
import { Icon } from '../../components/icon.tsx';
import { hasStatus } from './filterMigrations.ts';
import type { GridFilter, StatusFilter } from './filterMigrations.ts';

const STATUSES: readonly { value: StatusFilter; text: string }[] = [
  { value: 'all', text: 'All' },
  { value: 'active', text: 'Active' },
  { value: 'attention', text: 'Waiting for you' },
  { value: 'failed', text: 'Failed' },
  { value: 'succeeded', text: 'Succeeded' },
  { value: 'canceled', text: 'Canceled' },
];

interface FilterBarProps {
  filter: GridFilter;
  migrations: readonly MigrationSummary[];
  onChange: (changed: Partial<GridFilter>) => void;
}

export function FilterBar({ filter, migrations, onChange }: FilterBarProps) {
  return (
    <search class="filter-bar">
      <div class="search-box">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          aria-label="Search migrations"
          placeholder="Name, server or database"
          value={filter.text}
          onInput={(event) => onChange({ text: event.currentTarget.value })}
        />
      </div>
      <div class="chips" role="group" aria-label="Status">
        {STATUSES.map(({ value, text }) => (
          <button
            key={value}
            type="button"
            class="chip"
            aria-pressed={filter.status === value}
            onClick={() => onChange({ status: value })}
          >
            {text}{' '}
            <span class="chip-count">
              {formatCount(migrations.filter((item) => hasStatus(item, value)).length)}
            </span>
          </button>
        ))}
      </div>
      <label class="inline-label">
        Mode{' '}
        <select
          class="input"
          value={filter.mode}
          onChange={(event) => onChange({ mode: event.currentTarget.value as GridFilter['mode'] })}
        >
          <option value="all">All</option>
          <option value="Online">Online</option>
          <option value="Offline">Offline</option>
        </select>
      </label>
    </search>
  );
}
