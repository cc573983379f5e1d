import { Disclosure } from '../../components/disclosure.tsx';
import { Checkbox, SelectField, TextField } from '../../components/field.tsx';
import type { WizardDraft } from './draft.ts';
import { storageProblem } from './problems.ts';
import { refusalText } from './refusals.ts';
import type { StepProps } from './wizardPage.tsx';

export function SummaryOptions(props: Pick<StepProps, 'draft' | 'refusals' | 'onChange'>) {
  const { draft, onChange } = props;
  const isMoving = draft.option !== 'Validate';
  return (
    <fieldset class="fieldset">
      <legend class="field-label">Options</legend>
      <div class="stack">
        <Checkbox
          label="Overwrite target databases that have objects"
          hint={
            isMoving
              ? 'Without it the migration waits for your confirmation.'
              : 'Checked as if they would be; nothing is overwritten now.'
          }
          isChecked={draft.overwrite}
          onChecked={(overwrite) => onChange({ overwrite })}
        />
        <Checkbox
          label="Migrate roles and their memberships"
          isChecked={draft.migrateRoles}
          onChecked={(migrateRoles) => onChange({ migrateRoles })}
        />
        {draft.mode === 'Online' ? <OnlineOptions {...props} isMoving={isMoving} /> : null}
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
        {draft.option === 'Migrate' ? null : <ValidationOptions {...props} />}
      </div>
    </fieldset>
  );
}

function OnlineOptions(props: Pick<StepProps, 'draft' | 'onChange'> & { isMoving: boolean }) {
  const { draft, onChange, isMoving } = props;
  return (
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
      {isMoving ? (
        <Checkbox
          label="Close the source at the cutover"
          hint="Nobody but the migration can write any more; it stays closed after a success."
          isChecked={draft.fenceSource}
          onChecked={(fenceSource) => onChange({ fenceSource })}
        />
      ) : null}
    </>
  );
}

function ValidationOptions(props: Pick<StepProps, 'draft' | 'refusals' | 'onChange'>) {
  const { draft, refusals, onChange } = props;
  const problem = storageProblem(draft) ?? refusalText(refusals, 'targetStorageMb');
  return (
    <Disclosure
      title="Advanced: what the validation looks at"
      isFilled={draft.dryRun || draft.targetStorageMb !== ''}
      hasProblem={problem !== undefined}
    >
      <Checkbox
        label="Try the schema on the target"
        hint="It is restored into a scratch database of the target, which is dropped again."
        isChecked={draft.dryRun}
        onChecked={(dryRun) => onChange({ dryRun })}
      />
      <TextField
        label="Size of the target's disk in megabytes"
        hint="To compare the databases with. Empty: what Azure says, where it can be asked."
        inputMode="numeric"
        error={problem}
        value={draft.targetStorageMb}
        onValue={(targetStorageMb) => onChange({ targetStorageMb })}
      />
    </Disclosure>
  );
}
