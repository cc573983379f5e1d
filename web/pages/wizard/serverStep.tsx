import { useState } from 'preact/hooks';
import { TLS_MODES } from '../../../shared/api/vocabulary.ts';
import type { ServerConnectivity } from '../../api/connectivity.ts';
import { testConnectivity } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { PasswordField, SelectField, TextField } from '../../components/field.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { ConnectionResult } from './connectionResult.tsx';
import { hasProblems, scopeOf, serverProblems, STEP_TITLES, STEPS } from './draft.ts';
import type { ServerDraft, ServerField } from './draft.ts';
import { sourceProperties, targetProperties } from './requestBody.ts';
import type { StepProps } from './wizardPage.tsx';
import { StepActions } from './wizardSteps.tsx';

const TLS_TEXTS: Readonly<Record<string, string>> = {
  disable: 'disable: never encrypted',
  allow: 'allow: encrypted if the server insists',
  prefer: 'prefer: encrypted if the server can',
  require: 'require: encrypted, certificate not checked',
  'verify-ca': 'verify-ca: encrypted, certificate checked',
  'verify-full': 'verify-full: encrypted, certificate and host name checked',
};

type Side = 'source' | 'target';

export function ServerStep({ side, draft, onChange, onNext, onBack }: StepProps & { side: Side }) {
  const server = draft[side];
  const [isTouched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const test = useConnectionTest(side, draft);
  const problems = serverProblems(server, side === 'source');
  const change = (changed: Partial<ServerDraft>) => onChange({ [side]: { ...server, ...changed } });
  const field = (name: ServerField) => ({
    error: isTouched.has(name) ? problems[name] : undefined,
    value: server[name],
    onValue: (value: string) => {
      setTouched(new Set([...isTouched, name]));
      change({ [name]: value });
    },
  });
  const showProblems = () => setTouched(new Set(['host', 'port', 'user']));
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    showProblems();
    if (hasProblems(problems)) return;
    // Nobody goes on with a server that cannot be used without knowing it.
    if (test.result?.reachable === true || (await test.run())) onNext();
  };
  const next = STEPS[STEPS.indexOf(side) + 1] ?? 'summary';
  return (
    <form
      class="wizard-form"
      noValidate
      autocomplete="off"
      onSubmit={(event) => void submit(event)}
    >
      <div class="wizard-row">
        <TextField
          label="Host"
          hint={
            side === 'source'
              ? 'Host name or IP address, as the service reaches it.'
              : `Empty in Azure: ${draft.server.toLowerCase()}.postgres.database.azure.com`
          }
          isRequired={side === 'source'}
          {...field('host')}
        />
        <TextField label="Port" inputMode="numeric" isRequired {...field('port')} />
      </div>
      <TextField label="User" isRequired {...field('user')} />
      <PasswordField
        label="Password"
        hint="Sent to the service only; this page forgets it when you leave the wizard."
        value={server.password}
        onValue={(password) => change({ password })}
      />
      <SelectField
        label="TLS mode"
        value={server.tlsMode}
        choices={TLS_MODES.map((value) => ({ value, text: TLS_TEXTS[value] ?? value }))}
        onValue={(tlsMode) => change({ tlsMode })}
      />
      {server.tlsMode.startsWith('verify') ? (
        <label class="field">
          <span class="field-label">Certificate authorities (PEM), if not the system's</span>
          <textarea
            class="input"
            rows={4}
            spellcheck={false}
            value={server.ca}
            onInput={(event) => change({ ca: event.currentTarget.value })}
          />
        </label>
      ) : null}
      <div class="test-connection">
        <button
          type="button"
          class="button"
          disabled={test.isBusy}
          onClick={() => {
            showProblems();
            if (!hasProblems(problems)) void test.run();
          }}
        >
          {test.isBusy ? 'Connecting …' : 'Test connection'}
        </button>
        {test.result === undefined ? null : (
          <ConnectionResult result={test.result} isOnline={draft.mode === 'Online'} side={side} />
        )}
        {test.error === undefined ? null : (
          <FailureNotice title="The connection could not be tested" error={test.error} />
        )}
        {test.result?.reachable === false ? (
          <button type="button" class="button button-small" onClick={onNext}>
            Continue anyway
          </button>
        ) : null}
      </div>
      <StepActions nextText={`Next: ${STEP_TITLES[next]}`} isBusy={test.isBusy} onBack={onBack} />
    </form>
  );
}

interface ConnectionTest {
  isBusy: boolean;
  /** Of the server as it is typed in now. */
  result?: ServerConnectivity;
  error?: unknown;
  /** Answers whether the server can be used. */
  run: () => Promise<boolean>;
}

function useConnectionTest(side: Side, draft: StepProps['draft']): ConnectionTest {
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<{
    of: ServerDraft;
    result?: ServerConnectivity;
    error?: unknown;
  }>();
  const server = draft[side];
  const run = async (): Promise<boolean> => {
    setBusy(true);
    setOutcome(undefined);
    try {
      const properties = side === 'source' ? sourceProperties(draft) : targetProperties(draft);
      const result = (await testConnectivity(scopeOf(draft), properties))[side];
      setOutcome({ of: server, result });
      announce(result?.reachable === true ? 'The connection works.' : 'The connection failed.');
      return result?.reachable === true;
    } catch (error) {
      setOutcome({ of: server, error });
      return false;
    } finally {
      setBusy(false);
    }
  };
  const isCurrent = outcome?.of === server;
  return { isBusy, run, ...(isCurrent ? { result: outcome.result, error: outcome.error } : {}) };
}
