import { useState } from 'preact/hooks';
import { TLS_MODES } from '../../../shared/api/vocabulary.ts';
import type { ServerConnectivity } from '../../api/connectivity.ts';
import { testConnectivity } from '../../api/migrations.ts';
import { announce } from '../../components/announcer.tsx';
import { Disclosure } from '../../components/disclosure.tsx';
import { PasswordField, SelectField, TextField } from '../../components/field.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { PemField } from '../../components/textArea.tsx';
import { ConnectionResult } from './connectionResult.tsx';
import { scopeOf, STEP_TITLES, STEPS } from './draft.ts';
import type { ServerDraft, Side } from './draft.ts';
import {
  hasProblems,
  serverProblems,
  takesAuthorities,
  takesClientCertificate,
} from './problems.ts';
import { refusalText } from './refusals.ts';
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

const LOGINS = [
  { value: 'Password', text: 'Password' },
  { value: 'Entra', text: "Microsoft Entra, the service's identity" },
] as const;

export function ServerStep(props: StepProps & { side: Side }) {
  const { side, draft, refusals, isRevisited, onChange, onNext, onBack } = props;
  const server = draft[side];
  const [touched, setTouched] = useState<ReadonlySet<string>>(
    () => new Set(isRevisited ? Object.keys(server) : []),
  );
  const test = useConnectionTest(props);
  const problems = serverProblems(server, side === 'source');
  const change = (changed: Partial<ServerDraft>) => onChange({ [side]: { ...server, ...changed } });
  const field = <Name extends keyof ServerDraft>(name: Name) => {
    const known: Readonly<Record<string, string | undefined>> = problems;
    return {
      error:
        (touched.has(name) ? known[name] : undefined) ?? refusalText(refusals, `${side}.${name}`),
      value: server[name],
      onValue: (value: string) => {
        setTouched(new Set([...touched, name]));
        change({ [name]: value });
      },
    };
  };
  const showProblems = () => setTouched(new Set(Object.keys(server)));
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
      <div class="wizard-pair">
        <TextField label="User" isRequired {...field('user')} />
        <SelectField
          label="Login"
          choices={LOGINS}
          {...field('auth')}
          onValue={(auth) =>
            // A password that is not needed is not kept.
            change(
              auth === 'Entra'
                ? { auth, password: '', tlsMode: 'verify-full' }
                : { auth: 'Password' },
            )
          }
        />
      </div>
      {server.auth === 'Entra' ? (
        <p class="field-hint">
          The service logs in with a token of its own identity, of which the user has the name. For
          servers in Azure only, with the TLS mode verify-full.
        </p>
      ) : (
        <PasswordField
          label="Password"
          hint="Sent to the service only; this page forgets it when you leave the wizard."
          {...field('password')}
        />
      )}
      <SelectField
        label="TLS mode"
        choices={TLS_MODES.map((value) => ({ value, text: TLS_TEXTS[value] ?? value }))}
        {...field('tlsMode')}
        onValue={(tlsMode) =>
          change({ tlsMode, ...(takesClientCertificate(tlsMode) ? {} : { key: '' }) })
        }
      />
      {takesAuthorities(server.tlsMode) ? (
        <PemField label="Certificate authorities (PEM), if not the system's" {...field('ca')} />
      ) : null}
      <Disclosure
        title="Advanced: client certificate, session options"
        isFilled={[server.cert, server.key, server.options].some((text) => text !== '')}
        hasProblem={(['cert', 'key', 'options'] as const).some(
          (name) => field(name).error !== undefined,
        )}
      >
        {takesClientCertificate(server.tlsMode) ? (
          <>
            <PemField
              label="Client certificate (PEM)"
              hint="For a server whose pg_hba.conf asks for one."
              {...field('cert')}
            />
            <PemField
              label="Key of the client certificate (PEM)"
              hint="Without a passphrase. Sent to the service only; this page forgets it when you leave the wizard."
              isSecret
              {...field('key')}
            />
          </>
        ) : (
          <p class="muted">A client certificate needs a connection that is encrypted.</p>
        )}
        <TextField
          label="Session options"
          hint="As libpq's options: -c name=value"
          {...field('options')}
        />
      </Disclosure>
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
        {draft.workerGroup.trim() === '' ? null : (
          <p class="field-hint">
            The test runs from this service, not from the worker group {draft.workerGroup.trim()}: a
            server that only the group reaches fails it, and you may continue.
          </p>
        )}
        {test.result === undefined ? null : (
          <ConnectionResult result={test.result} isOnline={draft.mode === 'Online'} side={side} />
        )}
        {test.error === undefined ? null : (
          <FailureNotice title="The connection could not be tested" error={test.error} />
        )}
        {test.result?.reachable === false && !hasProblems(problems) ? (
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

function useConnectionTest({ side, draft, onRefused }: StepProps & { side: Side }): ConnectionTest {
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
      onRefused(error, side);
      return false;
    } finally {
      setBusy(false);
    }
  };
  const isCurrent = outcome?.of === server;
  return { isBusy, run, ...(isCurrent ? { result: outcome.result, error: outcome.error } : {}) };
}
