import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { MigrationKey } from '../../api/migrationId.ts';
import { patchMigration, purgeMigration, resumeMigration } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { ConfirmDialog } from '../../components/confirmDialog.tsx';
import { Checkbox } from '../../components/field.tsx';
import { GRID_HREF } from '../../routing.ts';
import { ACTION_TEXTS } from './actionTexts.ts';
import type { Action } from './allowedActions.ts';
import { CancelDialog } from './cancelDialog.tsx';
import { CutoverDialog } from './cutoverDialog.tsx';
import type { MigrationView } from './migrationView.ts';

interface ActionDialogProps {
  action: Action;
  migration: MigrationKey;
  view: MigrationView;
  onClose: () => void;
  onDone: () => void;
}

export function ActionDialog(props: ActionDialogProps) {
  switch (props.action) {
    case 'cutover':
      return <CutoverDialog {...props} />;
    case 'nameDatabases':
      return <DatabasesDialog {...props} />;
    case 'remove':
      return <RemoveDialog {...props} />;
    case 'setUpReplication':
      return (
        <SimpleDialog
          {...props}
          change={{ setupLogicalReplicationOnSourceDbIfNeeded: 'True' }}
          done="Replication is being set up."
        >
          <p>
            An online migration reads the changes of the source by logical decoding. pgmove sets
            <code> wal_level = logical</code> and raises the limits for slots and WAL senders where
            its user may do so.
          </p>
          <p>
            <strong>The source has to be restarted</strong> for a new <code>wal_level</code>. pgmove
            does not restart it: the migration goes on by itself once that is done.
          </p>
        </SimpleDialog>
      );
    case 'confirmOverwrite':
      return (
        <SimpleDialog
          {...props}
          change={{ overwriteDbsInTarget: 'True' }}
          done="Overwriting is confirmed."
          isDangerous
        >
          <p>
            At least one of the target databases has objects in it.{' '}
            <strong>Such a database is dropped and made anew from the source.</strong> What is only
            on the target is lost.
          </p>
          <DatabaseNames view={props.view} />
        </SimpleDialog>
      );
    case 'startData':
      return (
        <SimpleDialog {...props} change={{ startDataMigration: 'True' }} done="It starts.">
          <p>The data is moved from now on. A window that was set is not waited for.</p>
        </SimpleDialog>
      );
    case 'resume':
      return (
        <SimpleDialog {...props} change="resume" done="The migration goes on.">
          <p>
            Databases that succeeded are left as they are. The others go on from what the target
            holds, or are copied again where that is not possible.
          </p>
        </SimpleDialog>
      );
    case 'cancel':
      return <CancelDialog {...props} />;
  }
}

function SimpleDialog(
  props: ActionDialogProps & {
    change: Readonly<Record<string, string>> | 'resume';
    done: string;
    isDangerous?: boolean;
    children: ComponentChildren;
  },
) {
  const { action, migration, change, done, onDone, onClose, isDangerous, children } = props;
  const { title, confirm } = ACTION_TEXTS[action];
  const act = async (): Promise<void> => {
    if (change === 'resume') await resumeMigration(migration);
    else await patchMigration(migration, change);
    announce(done);
    onDone();
  };
  return (
    <ConfirmDialog
      title={title}
      confirmText={confirm}
      isDangerous={isDangerous}
      onConfirm={act}
      onClose={onClose}
    >
      {children}
    </ConfirmDialog>
  );
}

function DatabaseNames({ view: { properties } }: { view: MigrationView }) {
  const names = properties.dbsToMigrate ?? [];
  return (
    <ul class="plain-list">
      {names.slice(0, 20).map((name) => (
        <li key={name}>
          <code>{properties.targetDbNames?.[name] ?? name}</code>
        </li>
      ))}
      {names.length > 20 ? <li>and {names.length - 20} more</li> : null}
    </ul>
  );
}

function DatabasesDialog(props: ActionDialogProps) {
  const { action, migration, onClose, onDone } = props;
  const [text, setText] = useState('');
  const names = [...new Set(text.split('\n').map((line) => line.trim()))].filter(Boolean);
  const { title, confirm } = ACTION_TEXTS[action];
  return (
    <ConfirmDialog
      title={title}
      confirmText={confirm}
      isDisabled={names.length === 0}
      onClose={onClose}
      onConfirm={async () => {
        await patchMigration(migration, { dbsToMigrate: names });
        announce('The databases are named.');
        onDone();
      }}
    >
      <label class="field">
        <span class="field-label">Databases of the source, one on each line</span>
        <textarea
          class="input"
          rows={6}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
    </ConfirmDialog>
  );
}

function RemoveDialog({ action, migration, view: { name }, onClose }: ActionDialogProps) {
  const [isSure, setSure] = useState(false);
  const { title, confirm } = ACTION_TEXTS[action];
  return (
    <ConfirmDialog
      title={title}
      confirmText={confirm}
      isDangerous
      isDisabled={!isSure}
      onClose={onClose}
      onConfirm={async () => {
        await purgeMigration(migration);
        announce(`${name} is being deleted.`);
        location.hash = GRID_HREF;
      }}
    >
      <p>
        What pgmove keeps of <strong>{name}</strong> is removed: its progress, events, report and
        secrets, and its notes on the target. The migrated data stays.
      </p>
      <Checkbox label="I do not need its history any more" isChecked={isSure} onChecked={setSure} />
    </ConfirmDialog>
  );
}
