import type { MigrationKey } from '../../api/migrationId.ts';
import { detailsHref } from '../../routing.ts';
import type { Section } from '../../routing.ts';
import type { MigrationView } from './migrationView.ts';

/** Which database a section is about: the one of the address, else the first. */
export function chosenDatabase(view: MigrationView, database: string | undefined) {
  return view.databases.find(({ databaseName }) => databaseName === database) ?? view.databases[0];
}

export function DatabasePicker(props: {
  migration: MigrationKey;
  view: MigrationView;
  section: Section;
  chosen: string;
}) {
  const { migration, view, section, chosen } = props;
  return (
    <label class="inline-label">
      Database{' '}
      <select
        class="input"
        value={chosen}
        onChange={(event) => {
          location.hash = detailsHref(migration, section, event.currentTarget.value);
        }}
      >
        {view.databases.map(({ databaseName }) => (
          <option key={databaseName} value={databaseName}>
            {databaseName}
          </option>
        ))}
      </select>
    </label>
  );
}
