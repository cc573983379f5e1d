import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { createMigration } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { FailureNotice, Notice } from '../../components/notice.tsx';
import { migrationTypeText, sourceTypeText } from '../../formats/states.ts';
import { detailsHref } from '../../routing.ts';
import { keyOf, STEP_TITLES, STEPS } from './draft.ts';
import type { ServerDraft, StepId } from './draft.ts';
import { takesAuthorities, takesClientCertificate } from './problems.ts';
import { openProblems, refusalsOf } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { addressOf, migrationProperties } from './requestBody.ts';
import { linesOf, targetNameOf } from './selection.ts';
import { SummaryOptions } from './summaryOptions.tsx';
import type { StepProps } from './wizardPage.tsx';
import { StepActions } from './wizardSteps.tsx';

type SummaryStepProps = StepProps & {
  onStep: (index: number) => void;
  /** Gets the address of the new migration's page. */
  onCreated: (href: string) => void;
};

/** Of a list, as many are named one by one. */
const MOST_NAMED = 20;

export function SummaryStep(props: SummaryStepProps) {
  const { draft, onBack, onStep, onCreated, onRefused } = props;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const problems = openProblems(draft);
  const change = (step: StepId) => () => onStep(STEPS.indexOf(step));
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (problems.length > 0) return;
    setBusy(true);
    setError(undefined);
    try {
      await createMigration(keyOf(draft), migrationProperties(draft));
      announce('The migration has started.');
      onCreated(detailsHref(keyOf(draft)));
    } catch (failure) {
      setError(failure);
      onRefused(failure);
      setBusy(false);
    }
  };
  return (
    <form class="wizard-form" noValidate onSubmit={(event) => void submit(event)}>
      <dl class="summary">
        <Part name="Name" onEdit={change('setup')}>
          {draft.name}
        </Part>
        <Part name="Kind" onEdit={change('setup')}>
          {draft.mode}, {migrationTypeText(draft.option).toLowerCase()}
        </Part>
        {draft.workerGroup.trim() === '' ? null : (
          <Part name="Worker group" onEdit={change('setup')}>
            {draft.workerGroup.trim()}
          </Part>
        )}
        <Part name="Source" onEdit={change('source')}>
          <ServerText server={draft.source} /> ({sourceTypeText(draft.sourceType)})
        </Part>
        <Part name="Target" onEdit={change('target')}>
          <ServerText server={draft.target} fallback={draft.server} />
        </Part>
        <Part name="Databases" onEdit={change('databases')}>
          <ListText
            texts={draft.databases.map((name) => renamed(name, targetNameOf(draft, name)))}
          />
        </Part>
        <Part name="Tables" onEdit={change('databases')}>
          <TablesText
            include={linesOf(draft.includeTables)}
            exclude={linesOf(draft.excludeTables)}
          />
        </Part>
        <Part name="Parallel jobs" onEdit={change('databases')}>
          {draft.jobs.trim() === '' ? 'As the service decides' : draft.jobs.trim()}
        </Part>
      </dl>
      <SummaryOptions {...props} />
      {error === undefined ? null : (
        <>
          <FailureNotice title="The migration was not started" error={error} />
          <RefusedFields refusals={refusalsOf(error, draft)} isBrief onStep={onStep} />
        </>
      )}
      {problems.length === 0 ? null : (
        <Notice tone="warn" title="This has to be put right first">
          <RefusedFields refusals={problems} onStep={onStep} />
        </Notice>
      )}
      <StepActions
        isDisabled={problems.length > 0}
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

/** What is wrong where, with the way there. */
function RefusedFields(props: {
  refusals: readonly Refusal[];
  /** The texts stand above already. */
  isBrief?: boolean;
  onStep: SummaryStepProps['onStep'];
}) {
  if (props.refusals.length === 0) return null;
  return (
    <ul class="plain-list">
      {props.refusals.map(({ step, field, label, message }) => (
        <li key={field} class="refused-field">
          {step === 'summary' ? (
            <strong>{label}</strong>
          ) : (
            <button
              type="button"
              class="button button-small"
              onClick={() => props.onStep(STEPS.indexOf(step))}
            >
              {STEP_TITLES[step]}: {label}
            </button>
          )}
          {props.isBrief === true ? null : <span>{message}</span>}
        </li>
      ))}
    </ul>
  );
}

function ServerText({ server, fallback }: { server: ServerDraft; fallback?: string }) {
  const address = server.host.trim() === '' ? fallback : addressOf(server);
  const { user, auth, tlsMode, options } = server;
  const hasAuthorities = server.ca.trim() !== '' && takesAuthorities(tlsMode);
  const hasCertificate = server.cert.trim() !== '' && takesClientCertificate(tlsMode);
  return (
    <>
      {user} at {address}, TLS {tlsMode}
      {auth === 'Entra' ? ', login with Entra' : ''}
      {hasAuthorities ? ', certificate authorities of yours' : ''}
      {hasCertificate ? ', client certificate' : ''}
      {options.trim() === '' ? '' : `, options ${options.trim()}`}
    </>
  );
}

function TablesText(props: { include: readonly string[]; exclude: readonly string[] }) {
  const { include, exclude } = props;
  return (
    <>
      {include.length === 0 ? 'All' : 'Only '}
      <ListText texts={include} />
      {exclude.length === 0 ? null : (
        <>
          , without <ListText texts={exclude} />
        </>
      )}
    </>
  );
}

function ListText({ texts }: { texts: readonly string[] }) {
  const shown = texts.slice(0, MOST_NAMED).join(', ');
  const more = texts.length - MOST_NAMED;
  return <>{more > 0 ? `${shown} and ${more} more` : shown}</>;
}

function renamed(source: string, target: string): string {
  return source === target ? source : `${source} → ${target}`;
}
