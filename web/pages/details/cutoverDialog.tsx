import { useState } from 'preact/hooks';
import type { DatabaseStatus } from '../../../shared/api/resource.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { patchMigration } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { ConfirmDialog } from '../../components/confirmDialog.tsx';
import { Checkbox } from '../../components/field.tsx';
import { Notice } from '../../components/notice.tsx';
import { countOf, formatBytes } from '../../formats/quantities.ts';
import { formatLatency } from '../../formats/times.ts';
import { ACTION_TEXTS } from './actionTexts.ts';
import { readyForCutover } from './allowedActions.ts';
import type { MigrationView } from './migrationView.ts';

interface CutoverDialogProps {
  migration: MigrationKey;
  view: MigrationView;
  onClose: () => void;
  onDone: () => void;
}

/** Above it the drain may take longer than people expect. */
const LONG_LATENCY_SECONDS = 30;

/** Everything there is to know before the point of no return. */
export function CutoverDialog({ migration, view, onClose, onDone }: CutoverDialogProps) {
  const ready = readyForCutover(view);
  const [unchosen, setUnchosen] = useState<ReadonlySet<string>>(new Set());
  const chosen = ready.filter(({ databaseName }) => !unchosen.has(databaseName));
  const others = view.databases.filter(
    (item) => !ready.includes(item) && item.migrationState !== 'Succeeded',
  );
  const choose = (name: string, isChosen: boolean) => {
    const next = new Set(unchosen);
    if (isChosen) next.delete(name);
    else next.add(name);
    setUnchosen(next);
  };
  const slowest = Math.max(0, ...chosen.map(({ latency }) => latency));
  const act = async (): Promise<void> => {
    const isAll = chosen.length === view.databases.length;
    await patchMigration(migration, {
      triggerCutover: 'True',
      ...(isAll ? {} : { dbsToTriggerCutoverOn: chosen.map(({ databaseName }) => databaseName) }),
    });
    announce('The cutover has begun.');
    onDone();
  };
  return (
    <ConfirmDialog
      title={ACTION_TEXTS.cutover.title}
      confirmText={`Cut over ${countOf(chosen.length, 'database')}`}
      isDisabled={chosen.length === 0}
      onConfirm={act}
      onClose={onClose}
    >
      <ol class="steps-text">
        <li>
          {view.properties.fenceSource === 'True'
            ? 'The source is closed: pgmove takes the right to connect from everybody else.'
            : 'Stop your applications from writing to the source now. pgmove does not close it.'}
        </li>
        <li>All changes up to this moment are applied to the target.</li>
        <li>Sequences, materialized views and large objects are brought up to date.</li>
        <li>Replication ends. From then on your applications use the target.</li>
      </ol>
      <fieldset class="fieldset">
        <legend class="field-label">Databases, and how far the target is behind</legend>
        <div class="choice-list">
          {ready.map((database) => (
            <Checkbox
              key={database.databaseName}
              label={<ReadyDatabase database={database} />}
              isChecked={!unchosen.has(database.databaseName)}
              onChecked={(isChosen) => choose(database.databaseName, isChosen)}
            />
          ))}
        </div>
      </fieldset>
      {others.length === 0 ? null : (
        <p class="muted">
          {countOf(others.length, 'database is', 'databases are')} not ready yet and can be cut over
          later.
        </p>
      )}
      {slowest < LONG_LATENCY_SECONDS ? null : (
        <Notice tone="warn" title={`The target is ${formatLatency(slowest)} behind`}>
          <p>The cutover takes at least as long. You may wait until the latency is near zero.</p>
        </Notice>
      )}
    </ConfirmDialog>
  );
}

function ReadyDatabase({ database }: { database: DatabaseStatus }) {
  const { databaseName, latency, stream } = database;
  return (
    <span class="ready-database">
      <strong>{databaseName}</strong>
      <span>
        Latency {formatLatency(latency)}
        {stream === undefined ? '' : `, ${formatBytes(stream.lagBytes)} of WAL`}
      </span>
    </span>
  );
}
