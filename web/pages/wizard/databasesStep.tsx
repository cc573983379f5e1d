import { useEffect, useState } from 'preact/hooks';
import type { SourceDatabase } from '../../api/connectivity.ts';
import { listSourceDatabases } from '../../api/migrations.ts';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { Checkbox } from '../../components/field.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { TextArea } from '../../components/textArea.tsx';
import { countOf, formatBytes } from '../../formats/quantities.ts';
import { scopeOf } from './draft.ts';
import { hasProblems, selectionProblems, targetNameProblems } from './problems.ts';
import { refusalText } from './refusals.ts';
import { sourceProperties } from './requestBody.ts';
import { linesOf } from './selection.ts';
import { SelectionFields } from './selectionFields.tsx';
import type { StepProps } from './wizardPage.tsx';
import { StepActions } from './wizardSteps.tsx';

/** As many are drawn at once; the search finds the others. */
const MOST_SHOWN = 200;

export function DatabasesStep(props: StepProps) {
  const { draft, refusals, onChange, onNext, onBack } = props;
  const { found, error, reload } = useSourceDatabases(props);
  const chosen = new Set(draft.databases);
  const isComplete =
    chosen.size > 0 &&
    !hasProblems(selectionProblems(draft)) &&
    targetNameProblems(draft).size === 0;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isComplete) onNext();
  };
  const bytes = (found ?? [])
    .filter(({ name }) => chosen.has(name))
    .reduce((total, database) => total + (database.bytes ?? 0), 0);
  return (
    <form class="wizard-form" noValidate onSubmit={submit}>
      {error === undefined ? null : (
        <>
          <FailureNotice title="The databases cannot be listed" error={error} />
          <div>
            <button type="button" class="button" onClick={reload}>
              Try again
            </button>
          </div>
          <NamesByHand names={draft.databases} onNames={(databases) => onChange({ databases })} />
        </>
      )}
      {found === undefined && error === undefined ? (
        <Loading what="the databases of the source" lines={4} />
      ) : null}
      {found === undefined ? null : (
        <DatabaseChoice
          found={found}
          chosen={chosen}
          onChosen={(names) => onChange({ databases: names })}
        />
      )}
      <p class="choice-count" aria-live="polite">
        {chosen.size === 0
          ? 'Choose at least one database.'
          : `${countOf(chosen.size, 'database')} chosen${found === undefined ? '' : `, ${formatBytes(bytes)}`}`}
      </p>
      <p class="field-error" aria-live="polite">
        {refusalText(refusals, 'databases')}
      </p>
      <SelectionFields {...props} />
      <StepActions nextText="Next: Summary" isDisabled={!isComplete} onBack={onBack} />
    </form>
  );
}

/** For a source that this service cannot list, as only a worker group reaches it. */
function NamesByHand(props: { names: readonly string[]; onNames: (names: string[]) => void }) {
  const [text, setText] = useState(() => props.names.join('\n'));
  return (
    <TextArea
      label="Or name the databases, one on each line"
      value={text}
      onValue={(value) => {
        setText(value);
        props.onNames(linesOf(value));
      }}
    />
  );
}

function DatabaseChoice(props: {
  found: readonly SourceDatabase[];
  chosen: ReadonlySet<string>;
  onChosen: (names: string[]) => void;
}) {
  const { found, chosen, onChosen } = props;
  const [text, setText] = useState('');
  if (found.length === 0) return <EmptyState title="The source has no database to migrate" />;
  const fitting = found.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  const possible = fitting.filter(({ connectable }) => connectable).map(({ name }) => name);
  const isAll = possible.length > 0 && possible.every((name) => chosen.has(name));
  const choose = (names: readonly string[], isChosen: boolean) => {
    const next = new Set(chosen);
    for (const name of names) {
      if (isChosen) next.add(name);
      else next.delete(name);
    }
    onChosen(found.map(({ name }) => name).filter((name) => next.has(name)));
  };
  return (
    <>
      <input
        class="input"
        type="search"
        aria-label="Search databases"
        placeholder="Search databases"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <fieldset class="fieldset">
        <legend class="visually-hidden">Databases of the source</legend>
        <div class="choice-head">
          <Checkbox
            label={text === '' ? 'All databases' : 'All that are shown'}
            isChecked={isAll}
            isDisabled={possible.length === 0}
            onChecked={(isChecked) => choose(possible, isChecked)}
          />
        </div>
        <ul class="database-choice">
          {fitting.slice(0, MOST_SHOWN).map((database) => (
            <li key={database.name}>
              <Checkbox
                label={<DatabaseLabel database={database} />}
                hint={database.connectable ? undefined : 'Does not allow connections.'}
                isChecked={chosen.has(database.name)}
                isDisabled={!database.connectable}
                onChecked={(isChecked) => choose([database.name], isChecked)}
              />
            </li>
          ))}
        </ul>
        {fitting.length > MOST_SHOWN ? (
          <p class="muted">and {fitting.length - MOST_SHOWN} more: search for them.</p>
        ) : null}
        {fitting.length === 0 ? <p class="muted">No database fits the search.</p> : null}
      </fieldset>
    </>
  );
}

function DatabaseLabel({
  database: { name, bytes, owner, encoding },
}: {
  database: SourceDatabase;
}) {
  return (
    <span class="database-label">
      <strong>{name}</strong>
      <span class="muted">
        {owner}, {encoding}
      </span>
      <span class="database-size">{bytes === undefined ? '' : formatBytes(bytes)}</span>
    </span>
  );
}

function useSourceDatabases({ draft, onRefused }: StepProps) {
  const [answer, setAnswer] = useState<{ found?: SourceDatabase[]; error?: unknown }>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stopping = new AbortController();
    setAnswer({});
    listSourceDatabases(scopeOf(draft), sourceProperties(draft), stopping.signal)
      .then((found) => setAnswer({ found }))
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return;
        setAnswer({ error });
        onRefused(error, 'source');
      });
    return () => stopping.abort();
  }, [round]);
  return { ...answer, reload: () => setRound(round + 1) };
}
