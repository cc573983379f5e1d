import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { createMigration } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { Checkbox, SelectField } from '../../components/field.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { migrationTypeText, sourceTypeText } from '../../formats/states.ts';
import { detailsHref } from '../../routing.ts';
import { keyOf } from './draft.ts';
import type { ServerDraft, WizardDraft } from './draft.ts';
import { addressOf, migrationProperties } from './requestBody.ts';
import type { StepProps } from './wizardPage.tsx';
import { StepActions } from './wizardSteps.tsx';

type SummaryStepProps = StepProps & {
  onStep: (index: number) => void;
  /** Gets the address of the new migration's page. */
  onCreated: (href: string) => void;
};

export function SummaryStep({ draft, onChange, onBack, onStep, onCreated }: SummaryStepProps) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await createMigration(keyOf(draft), migrationProperties(draft));
      announce('The migration has started.');
      onCreated(detailsHref(keyOf(draft)));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form class="wizard-form" noValidate onSubmit={(event) => void submit(event)}>
      <dl class="summary">
        <Part name="Name" onEdit={() => onStep(0)}>
          {draft.name}
        </Part>
        <Part name="Kind" onEdit={() => onStep(0)}>
          {draft.mode}, {migrationTypeText(draft.option).toLowerCase()}
        </Part>
        <Part name="Source" onEdit={() => onStep(1)}>
          <ServerText server={draft.source} /> ({sourceTypeText(draft.sourceType)})
        </Part>
        <Part name="Target" onEdit={() => onStep(2)}>
          <ServerText server={draft.target} fallback={draft.server} />
        </Part>
        <Part name="Databases" onEdit={() => onStep(3)}>
          <DatabaseNames names={draft.databases} />
        </Part>
      </dl>
      <Options draft={draft} onChange={onChange} />
      {error === undefined ? null : (
        <FailureNotice title="The migration was not started" error={error} />
      )}
      <StepActions
        nextText={draft.option === 'Validate' ? 'Start validation' : 'Start migration'}
        isBusy={isBusy}
        onBack={onBack}
      />
    </form>
  );
}

function Part(props: { name: string; onEdit: () => void; children: ComponentChildren }) {
  const { name, onEdit, children } = props;
  return (
    <div class="summary-part">
      <dt>{name}</dt>
      <dd>
        <span>{children}</span>
        <button
          type="button"
          class="button button-small"
          aria-label={`Change ${name.toLowerCase()}`}
          onClick={onEdit}
        >
          Change
        </button>
      </dd>
    </div>
  );
}

function ServerText({ server, fallback }: { server: ServerDraft; fallback?: string }) {
  const address = server.host.trim() === '' ? fallback : addressOf(server);
  return (
    <>
      {server.user} at {address}, TLS {server.tlsMode}
    </>
  );
}

function DatabaseNames({ names }: { names: readonly string[] }) {
  const shown = names.slice(0, 20).join(', ');
  return <>{names.length > 20 ? `${shown} and ${names.length - 20} more` : shown}</>;
}

function Options({ draft, onChange }: Pick<SummaryStepProps, 'draft' | 'onChange'>) {
  const isMoving = draft.option !== 'Validate';
  if (!isMoving && draft.mode === 'Offline') return null;
  return (
    <fieldset class="fieldset">
      <legend class="field-label">Options</legend>
      <div class="stack">
        {isMoving ? (
          <>
            <Checkbox
              label="Overwrite target databases that have objects"
              hint="Without it the migration waits for your confirmation."
              isChecked={draft.overwrite}
              onChecked={(overwrite) => onChange({ overwrite })}
            />
            <Checkbox
              label="Migrate roles and their memberships"
              isChecked={draft.migrateRoles}
              onChecked={(migrateRoles) => onChange({ migrateRoles })}
            />
          </>
        ) : null}
        {draft.mode === 'Online' ? (
          <>
            <Checkbox
              label="Set up logical replication on the source if needed"
              hint="A change of wal_level needs a restart of the source."
              isChecked={draft.setUpReplication}
              onChecked={(setUpReplication) => onChange({ setUpReplication })}
            />
            <Checkbox
              label="REPLICA IDENTITY FULL for tables without a key"
              hint="For the time of the migration; without it such tables are refused."
              isChecked={draft.replicaIdentityFull}
              onChecked={(replicaIdentityFull) => onChange({ replicaIdentityFull })}
            />
            <Checkbox
              label="Close the source at the cutover"
              hint="Nobody but the migration can write any more; it stays closed after a success."
              isChecked={draft.fenceSource}
              onChecked={(fenceSource) => onChange({ fenceSource })}
            />
          </>
        ) : null}
        {isMoving ? (
          <SelectField
            label="Comparison after the copy"
            value={draft.verify}
            choices={[
              { value: 'none', text: 'None' },
              { value: 'counts', text: 'Row counts' },
              { value: 'hash', text: 'Every row, by hash' },
            ]}
            onValue={(verify) => onChange({ verify: verify as WizardDraft['verify'] })}
          />
        ) : null}
      </div>
    </fieldset>
  );
}
