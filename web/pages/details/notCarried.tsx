import type { DatabaseStatus } from '../../../shared/api/resource.ts';
import { countOf } from '../../formats/quantities.ts';

const MOST_SHOWN = 100;

/** What is not, or not as it was, on the target, and how the comparison went. */
export function NotCarried({ databases }: { databases: readonly DatabaseStatus[] }) {
  const concerned = databases.filter(
    ({ notCarried, verification }) => notCarried.length > 0 || verification !== undefined,
  );
  if (concerned.length === 0) return null;
  return (
    <section class="card stack" aria-labelledby="not-carried-title">
      <h2 id="not-carried-title">What to know about the target</h2>
      {concerned.map(({ databaseName, notCarried, verification }) => (
        <div key={databaseName} class="stack-small">
          <h3>{databaseName}</h3>
          {verification === undefined ? null : (
            <p class={verification.differences.length > 0 ? 'text-bad' : ''}>
              {countOf(verification.tableCount, 'table')} compared ({verification.mode}):{' '}
              {verification.differences.length === 0
                ? 'no difference.'
                : `${countOf(verification.differences.length, 'table')} differ.`}
            </p>
          )}
          <ul class="failure-list">
            {(verification?.differences ?? []).slice(0, MOST_SHOWN).map(({ table, detail }) => (
              <li key={table}>
                <code>{table}</code> <span class="message">{detail}</span>
              </li>
            ))}
            {notCarried.slice(0, MOST_SHOWN).map(({ object, reason }) => (
              <li key={`${object} ${reason}`}>
                <code>{object}</code> <span class="message">{reason}</span>
              </li>
            ))}
          </ul>
          {notCarried.length > MOST_SHOWN ? (
            <p class="muted">and {notCarried.length - MOST_SHOWN} more, in the report.</p>
          ) : null}
        </div>
      ))}
    </section>
  );
}
