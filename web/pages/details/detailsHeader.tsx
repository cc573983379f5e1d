import type { MigrationKey } from '../../api/migrationId.ts';
import { Badge } from '../../components/badge.tsx';
import { Icon } from '../../components/icon.tsx';
import { migrationStateLabel, migrationTypeText, subStateText } from '../../formats/states.ts';
import { elapsedMs, formatDuration, formatMoment } from '../../formats/times.ts';
import { useNow } from '../../polling.ts';
import { GRID_HREF } from '../../routing.ts';
import { ACTION_TEXTS } from './actionTexts.ts';
import { allowedActions } from './allowedActions.ts';
import type { Action } from './allowedActions.ts';
import type { MigrationView } from './migrationView.ts';
import { ReportLink } from './reportLink.tsx';

interface DetailsHeaderProps {
  migration: MigrationKey;
  view: MigrationView;
  /** The action that a notice below has the button of. */
  elsewhere: Action | undefined;
  onAction: (action: Action) => void;
}

export function DetailsHeader({ migration, view, elsewhere, onAction }: DetailsHeaderProps) {
  const { properties, state, subState, isEnded } = view;
  const now = useNow(!isEnded);
  const actions = allowedActions(view).filter((action) => action !== elsewhere);
  return (
    <header class="details-header">
      <nav aria-label="Breadcrumb" class="breadcrumb">
        <a href={GRID_HREF}>
          <Icon name="back" size={14} /> Migrations
        </a>
      </nav>
      <div class="title-line">
        <h1>{view.name}</h1>
        <Badge label={migrationStateLabel(state)} />
        {isEnded ? null : <span class="sub-state">{subStateText(subState)}</span>}
      </div>
      <dl class="facts">
        <Fact
          name="Source"
          value={addressOf(
            properties.sourceDbServerResourceId,
            properties.sourceDbServerFullyQualifiedDomainName,
          )}
        />
        <Fact
          name="Target"
          value={properties.targetDbServerFullyQualifiedDomainName ?? migration.server}
        />
        <Fact
          name="Kind"
          value={`${properties.migrationMode ?? ''}, ${migrationTypeText(view.option).toLowerCase()}`}
        />
        <Fact name="Started" value={formatMoment(properties.startedOn)} />
        <Fact
          name="Duration"
          value={formatDuration(elapsedMs(properties.startedOn, properties.endedOn, now))}
        />
      </dl>
      <div class="action-bar">
        {actions.map((action) => (
          <button
            key={action}
            type="button"
            class={action === 'cutover' ? 'button button-primary' : 'button'}
            onClick={() => onAction(action)}
          >
            {ACTION_TEXTS[action].button}
          </button>
        ))}
        {isEnded ? <ReportLink migration={migration} /> : null}
      </div>
    </header>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  if (value === '') return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** The user of an address is no part of where the server is. */
function addressOf(resourceId: string | undefined, domainName: string | undefined): string {
  return domainName ?? resourceId?.replace(/@.*$/s, '') ?? '';
}
