import { useState } from 'preact/hooks';
import { forgetAnswers } from '../api/client.ts';
import { rememberKey } from '../api/session.ts';
import { PasswordField } from '../components/field.tsx';

/** Where Azure's own sign-in is, when the service runs there. */
const SIGN_IN = '/.auth/login/aad?post_login_redirect_uri=%2Fui%2F';

export function SignInPage() {
  const [key, setKey] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    forgetAnswers();
    rememberKey(key);
  };
  return (
    <div class="narrow">
      <h1>Sign in</h1>
      <p class="lead">The service asks who you are.</p>
      <section class="card stack" aria-labelledby="with-entra">
        <h2 id="with-entra">With your organization</h2>
        <p>In Azure you sign in with Microsoft Entra ID.</p>
        <div>
          <a class="button button-primary" href={SIGN_IN}>
            Sign in with Microsoft
          </a>
        </div>
      </section>
      <form class="card stack" aria-labelledby="with-key" onSubmit={submit}>
        <h2 id="with-key">With a key</h2>
        <PasswordField
          label="Function key"
          hint="It stays in the memory of this page only and is gone when you reload it."
          value={key}
          onValue={setKey}
        />
        <div>
          <button type="submit" class="button" disabled={key === ''}>
            Use this key
          </button>
        </div>
      </form>
    </div>
  );
}
