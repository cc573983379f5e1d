import type { MigrationSummary } from '../../../shared/api/summary.ts';
import { migrationStatusLabel } from '../../formats/states.ts';

export type StatusFilter = 'all' | 'active' | 'attention' | 'failed' | 'succeeded' | 'canceled';

export interface GridFilter {
  text: string;
  status: StatusFilter;
  mode: 'all' | 'Online' | 'Offline';
}

export const NO_FILTER: GridFilter = { text: '', status: 'all', mode: 'all' };

const FAILED: readonly string[] = ['Failed', 'ValidationFailed'];

/** Those that a filter leaves, in their order. Every word of the text has to be somewhere in a line. */
export function filterMigrations(
  migrations: readonly MigrationSummary[],
  filter: GridFilter,
): MigrationSummary[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return migrations.filter((migration) => {
    if (filter.mode !== 'all' && migration.migrationMode !== filter.mode) return false;
    if (!hasStatus(migration, filter.status)) return false;
    if (words.length === 0) return true;
    const text = searchText(migration);
    return words.every((word) => text.includes(word));
  });
}

export function hasStatus({ state }: { state: string }, status: StatusFilter): boolean {
  switch (status) {
    case 'all':
      return true;
    case 'active':
      return state === 'InProgress' || state === 'WaitingForUserAction' || state === 'CleaningUp';
    case 'attention':
      return state === 'WaitingForUserAction';
    case 'failed':
      return FAILED.includes(state);
    case 'succeeded':
      return state === 'Succeeded';
    case 'canceled':
      return state === 'Canceled';
  }
}

function searchText(migration: MigrationSummary): string {
  const { name, sourceServer, targetServer, sourceType, databases, state, subState } = migration;
  const { text } = migrationStatusLabel(state, subState);
  return [name, sourceServer, targetServer, sourceType, text, ...databases]
    .join('\n')
    .toLowerCase();
}
