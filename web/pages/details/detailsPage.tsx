import { useEffect, useRef, useState } from 'preact/hooks';
import { isNotFound } from '../../api/failure.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { readMigration } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { migrationStatusLabel } from '../../formats/states.ts';
import { usePoll } from '../../polling.ts';
import { GRID_HREF } from '../../routing.ts';
import type { Section } from '../../routing.ts';
import { ActionDialog } from './actionDialog.tsx';
import { wantedAction } from './allowedActions.ts';
import type { Action } from './allowedActions.ts';
import { Attention } from './attention.tsx';
import { ChartsSection } from './chartsSection.tsx';
import { DetailsHeader } from './detailsHeader.tsx';
import { EventsSection } from './eventsSection.tsx';
import { viewOf } from './migrationView.ts';
import type { MigrationView } from './migrationView.ts';
import { OverviewSection } from './overviewSection.tsx';
import { useSamples } from './samples.ts';
import { SectionNav } from './sectionNav.tsx';
import { SettingsSection } from './settingsSection.tsx';
import { TablesSection } from './tablesSection.tsx';
import { ValidationSection } from './validationSection.tsx';

/** While it runs, and when nothing more is expected of it. */
const LOOK_EVERY_MS = 2_000;
const LOOK_AT_ENDED_EVERY_MS = 15_000;

interface DetailsPageProps {
  migration: MigrationKey;
  section: Section;
  database?: string;
}

export function DetailsPage({ migration, section, database }: DetailsPageProps) {
  const [isEnded, setEnded] = useState(false);
  const { data, error, refresh } = usePoll(
    JSON.stringify(migration),
    (signal) => readMigration(migration, signal),
    isEnded ? LOOK_AT_ENDED_EVERY_MS : LOOK_EVERY_MS,
  );
  const [action, setAction] = useState<Action | undefined>();
  const view = data === undefined ? undefined : viewOf(data);
  const samples = useSamples(data);
  useEffect(() => {
    if (view !== undefined) setEnded(view.isEnded);
  }, [view?.isEnded]);
  useAnnouncedState(view);

  if (isNotFound(error)) {
    return (
      <>
        <h1>{migration.name}</h1>
        <EmptyState title="There is no such migration">
          <p>It may have been removed.</p>
          <a class="button" href={GRID_HREF}>
            All migrations
          </a>
        </EmptyState>
      </>
    );
  }
  if (view === undefined) {
    return (
      <>
        <h1>{migration.name}</h1>
        {error === undefined ? (
          <Loading what="the migration" lines={6} />
        ) : (
          <FailureNotice title="The migration cannot be read" error={error} />
        )}
      </>
    );
  }
  const isShort = section !== 'overview';
  const sectionProps = { migration, view, database };
  return (
    <>
      <DetailsHeader
        migration={migration}
        view={view}
        elsewhere={isShort && view.isEnded ? undefined : wantedAction(view)}
        onAction={setAction}
      />
      {error === undefined ? null : (
        <FailureNotice title="What you see cannot be refreshed" error={error} />
      )}
      <Attention migration={migration} view={view} isShort={isShort} onAction={setAction} />
      <SectionNav migration={migration} view={view} section={section} />
      {section === 'overview' && <OverviewSection {...sectionProps} />}
      {section === 'tables' && <TablesSection {...sectionProps} />}
      {section === 'charts' && <ChartsSection {...sectionProps} samples={samples} />}
      {section === 'validation' && <ValidationSection {...sectionProps} />}
      {section === 'events' && <EventsSection {...sectionProps} />}
      {section === 'settings' && <SettingsSection view={view} />}
      {action === undefined ? null : (
        <ActionDialog
          action={action}
          migration={migration}
          view={view}
          onClose={() => setAction(undefined)}
          onDone={refresh}
        />
      )}
    </>
  );
}

/** A change of the state is read out; the first one seen is on the page anyway. */
function useAnnouncedState(view: MigrationView | undefined): void {
  const before = useRef<string | undefined>(undefined);
  const text =
    view === undefined ? undefined : migrationStatusLabel(view.state, view.subState).text;
  useEffect(() => {
    if (text === undefined) return;
    if (before.current !== undefined) announce(`The migration is now: ${text}.`);
    before.current = text;
  }, [text]);
}
