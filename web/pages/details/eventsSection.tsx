import { callApi } from '../../api/client.ts';
import { isNotFound } from '../../api/failure.ts';
import { migrationPath } from '../../api/migrationId.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { formatExact } from '../../formats/times.ts';
import { usePoll } from '../../polling.ts';
import { eventTextOf } from './eventText.ts';
import type { CloudEvent } from './eventText.ts';
import type { MigrationView } from './migrationView.ts';

const LOOK_EVERY_MS = 5_000;

/** The newest are what is looked for. */
const MOST_SHOWN = 200;

export function EventsSection(props: { migration: MigrationKey; view: MigrationView }) {
  const { migration, view } = props;
  const { data, error } = usePoll(
    `events ${JSON.stringify(migration)}`,
    (signal) => callApi<{ value: CloudEvent[] }>(`${migrationPath(migration)}/events`, { signal }),
    view.isEnded ? undefined : LOOK_EVERY_MS,
  );
  const events = (data?.value ?? []).toReversed().slice(0, MOST_SHOWN);
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {data === undefined && error === undefined ? <Loading what="events" /> : null}
      {error === undefined || isNotFound(error) ? null : (
        <FailureNotice title="The events cannot be read" error={error} />
      )}
      {isNotFound(error) || (data !== undefined && events.length === 0) ? (
        <EmptyState title="There are no events yet" />
      ) : null}
      {events.length === 0 ? null : (
        <ol class="event-list" aria-label="Events, newest first">
          {events.map((event) => {
            const { title, detail, subject, tone } = eventTextOf(event);
            return (
              <li key={event.id} class={`event tone-${tone}`}>
                <time dateTime={event.time}>{formatExact(event.time)}</time>
                <div>
                  <p class="event-title">
                    {title}
                    {subject === undefined ? null : <span class="muted"> {subject}</span>}
                  </p>
                  {detail === undefined ? null : <p class="message">{detail}</p>}
                </div>
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}
