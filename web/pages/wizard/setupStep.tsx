import { useEffect, useState } from 'preact/hooks';
import { SOURCE_TYPES } from '../../../shared/api/vocabulary.ts';
import { failureLines } from '../../api/failure.ts';
import { checkName } from '../../api/migrations.ts';
import { Disclosure } from '../../components/disclosure.tsx';
import { RadioGroup, SelectField, TextField } from '../../components/field.tsx';
import { sourceTypeText } from '../../formats/states.ts';
import { scopeOf } from './draft.ts';
import type { WizardDraft } from './draft.ts';
import { hasProblems, setupProblems } from './problems.ts';
import { refusalText } from './refusals.ts';
import type { StepProps } from './wizardPage.tsx';
import { StepActions } from './wizardSteps.tsx';

/** The service is asked when one stops typing. */
const ASK_AFTER_MS = 300;

const OPTIONS = [
  {
    value: 'ValidateAndMigrate',
    text: 'Validate and migrate',
    hint: 'Checks everything first and moves the data only if nothing is in the way.',
  },
  {
    value: 'Validate',
    text: 'Validate',
    hint: 'Checks only; nothing is changed on either server.',
  },
  { value: 'Migrate', text: 'Migrate', hint: 'Moves the data without the checks.' },
] as const;

const MODES = [
  {
    value: 'Offline',
    text: 'Offline',
    hint: 'Applications are stopped during the whole copy.',
  },
  {
    value: 'Online',
    text: 'Online',
    hint: 'Changes are replicated while applications go on; they stop only for the cutover.',
  },
] as const;

export function SetupStep({ draft, refusals, onChange, onNext }: StepProps) {
  const problems = setupProblems(draft);
  const availability = useAvailability(draft, hasProblems(problems));
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!hasProblems(problems) && availability.state === 'free') onNext();
  };
  return (
    <form class="wizard-form" noValidate onSubmit={submit}>
      <TextField
        label="Migration name"
        hint={
          availability.state === 'free'
            ? 'This name is free.'
            : 'Letters, digits and hyphens; unique for the target server.'
        }
        error={problems.name ?? availability.problem ?? refusalText(refusals, 'name')}
        value={draft.name}
        onValue={(name) => onChange({ name })}
        isRequired
      />
      <SelectField
        label="Source server type"
        value={draft.sourceType}
        choices={SOURCE_TYPES.map((value) => ({ value, text: sourceTypeText(value) }))}
        onValue={(sourceType) => onChange({ sourceType })}
      />
      <RadioGroup
        legend="Migration option"
        name="option"
        value={draft.option}
        choices={OPTIONS}
        onValue={(option) => onChange({ option: option as WizardDraft['option'] })}
      />
      <RadioGroup
        legend="Migration mode"
        name="mode"
        value={draft.mode}
        choices={MODES}
        onValue={(mode) => onChange({ mode: mode as WizardDraft['mode'] })}
      />
      <Disclosure
        title={`Target resource: ${draft.server}`}
        isFilled={false}
        hasProblem={[problems.server, problems.subscription, problems.resourceGroup].some(Boolean)}
      >
        <TextField
          label="Target server name"
          hint="In Azure the name of the Flexible Server; elsewhere any name for the target."
          error={problems.server}
          value={draft.server}
          onValue={(server) => onChange({ server })}
        />
        <TextField
          label="Subscription id"
          error={problems.subscription}
          value={draft.subscription}
          onValue={(subscription) => onChange({ subscription })}
        />
        <TextField
          label="Resource group"
          error={problems.resourceGroup}
          value={draft.resourceGroup}
          onValue={(resourceGroup) => onChange({ resourceGroup })}
        />
      </Disclosure>
      <Disclosure
        title="Advanced: worker group"
        isFilled={draft.workerGroup !== ''}
        hasProblem={refusalText(refusals, 'workerGroup') !== undefined}
      >
        <TextField
          label="Worker group"
          hint="The id of the deployment that carries the migration (PGMOVE_RUNTIME, migrationInstanceResourceId), for servers that only it reaches. Empty: the service itself."
          error={refusalText(refusals, 'workerGroup')}
          value={draft.workerGroup}
          onValue={(workerGroup) => onChange({ workerGroup })}
        />
      </Disclosure>
      <StepActions
        nextText="Next: Source server"
        isDisabled={hasProblems(problems) || availability.state !== 'free'}
      />
    </form>
  );
}

interface Availability {
  state: 'unknown' | 'free' | 'taken';
  problem?: string;
}

function useAvailability(draft: WizardDraft, isWrong: boolean): Availability {
  const { name } = draft;
  const scope = scopeOf(draft);
  const question = JSON.stringify([scope, name]);
  const [known, setKnown] = useState<{ question: string; availability: Availability }>();
  useEffect(() => {
    if (isWrong) return undefined;
    const stopping = new AbortController();
    const tell = (availability: Availability) => {
      if (!stopping.signal.aborted) setKnown({ question, availability });
    };
    const ask = async (): Promise<void> => {
      try {
        const { nameAvailable, message } = await checkName(scope, name, stopping.signal);
        tell(
          nameAvailable
            ? { state: 'free' }
            : { state: 'taken', problem: message ?? 'This name is taken.' },
        );
      } catch (error) {
        tell({ state: 'unknown', problem: failureLines(error).join(' ') });
      }
    };
    const timer = setTimeout(() => void ask(), ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [question, isWrong]);
  return known?.question === question && !isWrong ? known.availability : { state: 'unknown' };
}
