import { useState } from 'preact/hooks';
import type { MigrationKey } from '../../api/migrationId.ts';
import { patchMigration } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { ConfirmDialog } from '../../components/confirmDialog.tsx';
import { Checkbox } from '../../components/field.tsx';
import { countOf } from '../../formats/quantities.ts';
import { ACTION_TEXTS } from './actionTexts.ts';
import { cancelable } from './allowedActions.ts';
import type { MigrationView } from './migrationView.ts';

interface CancelDialogProps {
  migration: MigrationKey;
  view: MigrationView;
  onClose: () => void;
  onDone: () => void;
}

/** All of it, or some of its databases where several are under way. */
export function CancelDialog({ migration, view, onClose, onDone }: CancelDialogProps) {
  const possible = cancelable(view);
  const [unchosen, setUnchosen] = useState<ReadonlySet<string>>(new Set());
  const chosen = possible.filter(({ databaseName }) => !unchosen.has(databaseName));
  const isAll = chosen.length === possible.length;
  const { title, confirm } = ACTION_TEXTS.cancel;
  const choose = (name: string, isChosen: boolean) => {
    const next = new Set(unchosen);
    if (isChosen) next.delete(name);
    else next.add(name);
    setUnchosen(next);
  };
  const act = async (): Promise<void> => {
    await patchMigration(migration, {
      cancel: 'True',
      ...(isAll ? {} : { dbsToCancelMigrationOn: chosen.map(({ databaseName }) => databaseName) }),
    });
    announce(isAll ? 'The migration is being canceled.' : 'The databases are being canceled.');
    onDone();
  };
  return (
    <ConfirmDialog
      title={title}
      confirmText={isAll ? confirm : `Cancel ${countOf(chosen.length, 'database')}`}
      isDangerous
      isDisabled={!isAll && chosen.length === 0}
      onConfirm={act}
      onClose={onClose}
    >
      <p>
        The work stops at the next safe point. What is on the target stays there; slots and
        snapshots on the source are dropped. You can resume the migration later.
      </p>
      {possible.length < 2 ? null : (
        <fieldset class="fieldset">
          <legend class="field-label">Databases to cancel</legend>
          <div class="choice-list">
            {possible.map(({ databaseName }) => (
              <Checkbox
                key={databaseName}
                label={databaseName}
                isChecked={!unchosen.has(databaseName)}
                onChecked={(isChosen) => choose(databaseName, isChosen)}
              />
            ))}
          </div>
        </fieldset>
      )}
    </ConfirmDialog>
  );
}
