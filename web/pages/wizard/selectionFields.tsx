import { useState } from 'preact/hooks';
import { Disclosure } from '../../components/disclosure.tsx';
import { TextField } from '../../components/field.tsx';
import { TextArea } from '../../components/textArea.tsx';
import { selectionProblems, targetNameProblems } from './problems.ts';
import type { SelectionField } from './problems.ts';
import { refusalText } from './refusals.ts';
import type { StepProps } from './wizardPage.tsx';

type SelectionProps = Pick<StepProps, 'draft' | 'refusals' | 'onChange'>;

/** Of the names on the target, as many are drawn at once; the search finds the others. */
const MOST_SHOWN = 50;

/** What else there is to say of the databases: names on the target, tables, jobs. */
export function SelectionFields(props: SelectionProps) {
  const { draft, refusals, onChange } = props;
  const problems = selectionProblems(draft);
  const field = (name: SelectionField) => ({
    error: problems[name] ?? refusalText(refusals, name),
    value: draft[name],
    onValue: (value: string) => onChange({ [name]: value }),
  });
  const names = ['includeTables', 'excludeTables', 'jobs'] as const;
  const hasProblem =
    names.some((name) => field(name).error !== undefined) ||
    targetNameProblems(draft).size > 0 ||
    refusals.some((refusal) => refusal.field.startsWith('targetNames'));
  return (
    <Disclosure
      title="Advanced: names on the target, tables, parallel jobs"
      isFilled={draft.targetNames.size > 0 || names.some((name) => draft[name] !== '')}
      hasProblem={hasProblem}
    >
      <TargetNames {...props} />
      <TextArea
        label="Only these tables"
        hint={
          <>
            One pattern on each line: <code>schema.table</code> with <code>*</code> and{' '}
            <code>?</code>, in every chosen database. Upper and lower case differ. Empty: every
            table.
          </>
        }
        {...field('includeTables')}
      />
      <TextArea
        label="Without these tables"
        hint="Patterns as above; they win over those above."
        {...field('excludeTables')}
      />
      <TextField
        label="Parallel jobs"
        hint="Tables copied and indexes built at once, 1 to 64. Empty: as the service decides."
        inputMode="numeric"
        {...field('jobs')}
      />
    </Disclosure>
  );
}

function TargetNames({ draft, refusals, onChange }: SelectionProps) {
  const [text, setText] = useState('');
  const { databases, targetNames } = draft;
  const problems = targetNameProblems(draft);
  // One that is typed in stays in sight, whatever is searched for.
  const isKept = (name: string) => targetNames.has(name) || problems.has(name);
  const fitting = databases.filter((name) => name.toLowerCase().includes(text.toLowerCase()));
  const first = new Set(fitting.slice(0, MOST_SHOWN));
  const shown = databases.filter((name) => first.has(name) || isKept(name));
  const more = fitting.length - fitting.filter((name) => shown.includes(name)).length;
  const rename = (name: string, value: string) => {
    const next = new Map(targetNames);
    if (value === '') next.delete(name);
    else next.set(name, value);
    onChange({ targetNames: next });
  };
  return (
    <fieldset class="fieldset">
      <legend class="field-label">Names on the target</legend>
      {databases.length === 0 ? <p class="muted">Choose databases first.</p> : null}
      {databases.length > MOST_SHOWN ? (
        <input
          class="input"
          type="search"
          aria-label="Search names on the target"
          placeholder="Search chosen databases"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      ) : null}
      <div class="target-names">
        {shown.map((name) => (
          <TextField
            key={name}
            label={`Name of ${name} on the target`}
            placeholder={name}
            error={problems.get(name) ?? refusalText(refusals, `targetNames.${name}`)}
            value={targetNames.get(name) ?? ''}
            onValue={(value) => rename(name, value)}
          />
        ))}
      </div>
      {more > 0 ? <p class="muted">and {more} more: search for them.</p> : null}
      <p class="field-error" aria-live="polite">
        {refusalText(refusals, 'targetNames')}
      </p>
    </fieldset>
  );
}
