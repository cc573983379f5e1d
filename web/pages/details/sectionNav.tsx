import type { MigrationKey } from '../../api/migrationId.ts';
import { detailsHref, SECTIONS } from '../../routing.ts';
import type { Section } from '../../routing.ts';
import type { MigrationView } from './migrationView.ts';

const TITLES: Readonly<Record<Section, string>> = {
  overview: 'Overview',
  tables: 'Tables',
  charts: 'Charts',
  validation: 'Validation',
  events: 'Events',
  settings: 'Settings',
};

interface SectionNavProps {
  migration: MigrationKey;
  view: MigrationView;
  section: Section;
}

export function SectionNav({ migration, view, section }: SectionNavProps) {
  const shown = SECTIONS.filter((item) => {
    if (item === 'validation') return view.option !== 'Migrate';
    if (item === 'tables' || item === 'charts') return view.option !== 'Validate';
    return true;
  });
  return (
    <nav class="section-nav" aria-label="Parts of the migration">
      {shown.map((item) => (
        <a
          key={item}
          href={detailsHref(migration, item)}
          aria-current={item === section ? 'page' : undefined}
        >
          {TITLES[item]}
        </a>
      ))}
    </nav>
  );
}
