import type { DatabaseStatus } from '../../../shared/api/resource.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { Notice } from '../../components/notice.tsx';
import { countOf } from '../../formats/quantities.ts';
import { detailsHref } from '../../routing.ts';
import { ACTION_TEXTS } from './actionTexts.ts';
import { isSetUpAsked, wantedAction } from './allowedActions.ts';
import type { Action } from './allowedActions.ts';
import { FailedTables } from './failedTables.tsx';
import { FailedValidation } from './failedValidation.tsx';
import type { MigrationView } from './migrationView.ts';

interface AttentionProps {
  migration: MigrationKey;
  view: MigrationView;
  /** Beside the overview only what waits for somebody. */
  isShort: boolean;
  onAction: (action: Action) => void;
}

/** Databases that are named one by one; more are in the list below. */
const MOST_NAMED = 5;

/** What went wrong and what to do, before everything else on the page. */
export function Attention({ migration, view, isShort, onAction }: AttentionProps) {
  return (
    <div class="attention">
      <GateNotice view={view} onAction={onAction} />
      {isShort ? null : <Failures migration={migration} view={view} onAction={onAction} />}
    </div>
  );
}

function Failures({ migration, view, onAction }: Omit<AttentionProps, 'isShort'>) {
  const failed = view.databases.filter(({ migrationState }) => migrationState === 'Failed');
  const troubled = view.databases.filter(hasStreamTrouble);
  return (
    <>
      {view.state === 'ValidationFailed' ? (
        <FailedValidation
          migration={migration}
          action={<ActionButton action="resume" onAction={onAction} />}
        />
      ) : null}
      {view.state === 'Failed' ? (
        <Notice
          tone="bad"
          title="The migration failed"
          actions={<ActionButton action="resume" onAction={onAction} />}
        >
          {failed.length === 0 ? <p class="message">{view.error}</p> : null}
          <p>
            Remove the cause named below, then resume: what has been copied is kept wherever that is
            possible.
          </p>
        </Notice>
      ) : null}
      {failed.slice(0, MOST_NAMED).map((database) => (
        <FailedDatabase key={database.databaseName} migration={migration} database={database} />
      ))}
      {failed.length <= MOST_NAMED ? null : (
        <Notice tone="bad" title={`${failed.length - MOST_NAMED} more databases failed`}>
          <p>
            <a href={detailsHref(migration, 'overview')}>All databases</a>
          </p>
        </Notice>
      )}
      {troubled.slice(0, MOST_NAMED).map((database) => (
        <StreamNotice key={database.databaseName} database={database} />
      ))}
    </>
  );
}

const GATES: Readonly<Record<string, { title: string; text: string }>> = {
  WaitingForLogicalReplicationSetupRequestOnSourceDB: {
    title: 'The source is not set up for logical replication',
    text: 'Let pgmove set it up, or set wal_level = logical yourself; a change of it needs a restart of the source. The migration then goes on by itself.',
  },
  WaitingForDBsToMigrateSpecification: {
    title: 'No database is named',
    text: 'Say which databases of the source are to be migrated.',
  },
  WaitingForTargetDBOverwriteConfirmation: {
    title: 'A target database has objects in it',
    text: 'Confirm that they may be dropped, or empty the database yourself.',
  },
  WaitingForDataMigrationScheduling: {
    title: 'Ready to start',
    text: 'The servers are ready. The data is moved when you say so.',
  },
  WaitingForDataMigrationWindow: {
    title: 'Waiting for the time window',
    text: 'The data is moved when the window begins, or when you start it yourself.',
  },
  WaitingForCutoverTrigger: {
    title: 'Ready for the cutover',
    text: 'The target follows the source. Cut over when your applications are ready for the move.',
  },
};

function GateNotice({ view, onAction }: Pick<AttentionProps, 'view' | 'onAction'>) {
  const gate = view.state === 'WaitingForUserAction' ? GATES[view.subState] : undefined;
  if (gate === undefined) return null;
  const action = wantedAction(view);
  if (isSetUpAsked(view)) {
    return (
      <Notice tone="wait" title="Restart the source">
        <p>
          Its settings are changed and hold after a restart. The migration then goes on by itself.
        </p>
      </Notice>
    );
  }
  const isCuttingOver = view.subState === 'WaitingForCutoverTrigger' && action === undefined;
  if (isCuttingOver) return <Notice tone="busy" title="The cutover has been asked for" />;
  return (
    <Notice
      tone="wait"
      title={gate.title}
      actions={
        action === undefined ? undefined : <ActionButton action={action} onAction={onAction} />
      }
    >
      <p>{gate.text}</p>
    </Notice>
  );
}

function ActionButton({
  action,
  onAction,
}: {
  action: Action;
  onAction: (action: Action) => void;
}) {
  const { button } = ACTION_TEXTS[action];
  return (
    <button type="button" class="button button-primary" onClick={() => onAction(action)}>
      {button}
    </button>
  );
}

function FailedDatabase({
  migration,
  database,
}: {
  migration: MigrationKey;
  database: DatabaseStatus;
}) {
  const { databaseName, message, fullLoadErroredTables: failedTables } = database;
  return (
    <Notice tone="bad" title={`Database ${databaseName} failed`}>
      <p class="message">{message}</p>
      {failedTables === 0 ? null : (
        <FailedTables migration={migration} database={databaseName} count={failedTables} />
      )}
    </Notice>
  );
}

function hasStreamTrouble({ stream, cutover, migrationState }: DatabaseStatus): boolean {
  if (migrationState === 'Failed' || migrationState === 'Succeeded') return false;
  if (cutover?.failure !== undefined || stream?.failure !== undefined) return true;
  return stream !== undefined && stream.warnings.length + stream.unplannedTables.length > 0;
}

function StreamNotice({
  database: { databaseName, stream, cutover },
}: {
  database: DatabaseStatus;
}) {
  const { failure, warnings = [], unplannedTables = [] } = stream ?? {};
  return (
    <>
      {cutover?.failure === undefined ? null : (
        <Notice tone="bad" title={`The cutover of ${databaseName} failed`}>
          <p class="message">{cutover.failure}</p>
          <p>The database went back to replicating. You can cut over again.</p>
        </Notice>
      )}
      {failure === undefined ? null : (
        <Notice tone="bad" title={`The replication of ${databaseName} stands still`}>
          <p class="message">{failure}</p>
        </Notice>
      )}
      {warnings.length === 0 ? null : (
        <Notice tone="warn" title={`Replication of ${databaseName}`}>
          {warnings.map((text) => (
            <p key={text}>{text}</p>
          ))}
        </Notice>
      )}
      {unplannedTables.length === 0 ? null : (
        <Notice
          tone="warn"
          title={`${countOf(unplannedTables.length, 'table')} of ${databaseName} not part of the migration`}
        >
          <p>They were made after it began, and their rows are not moved:</p>
          <p class="message">{unplannedTables.slice(0, 10).join(', ')}</p>
        </Notice>
      )}
    </>
  );
}
