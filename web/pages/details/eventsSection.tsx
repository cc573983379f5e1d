import { useRef, useState } from 'preact/hooks';
import type { MigrationEvent } from '../../../shared/api/events.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { listEvents } from '../../api/migrations.ts';
import { EmptyState, Loading } from '../../components/emptyState.tsx';
import { FailureNotice } from '../../components/notice.tsx';
import { formatExact } from '../../formats/times.ts';
import { usePoll } from '../../polling.ts';
import { eventTextOf } from './eventText.ts';
import type { MigrationView } from './migrationView.ts';

const LOOK_EVERY_MS = 5_000;

/** The last events of a migration are published after its end. */
const LOOK_AT_ENDED_EVERY_MS = 15_000;

/** The newest are what is looked for; older ones on demand. */
const SHOWN_AT_FIRST = 100;

export function EventsSection(props: { migration: MigrationKey; view: MigrationView }) {
  const { migration, view } = props;
  const seen = useRef<readonly MigrationEvent[]>([]);
  const [mostShown, setMostShown] = useState(SHOWN_AT_FIRST);
  const { data, error } = usePoll(
    JSON.stringify(['events', migration]),
    async (signal) => {
      // Only what is new is asked for.
      const added = await listEvents(migration, seen.current.at(-1)?.sequence ?? 0, signal);
      if (added.length > 0) seen.current = [...seen.current, ...added];
      return seen.current;
    },
    view.isEnded ? LOOK_AT_ENDED_EVERY_MS : LOOK_EVERY_MS,
  );
  const events = (data ?? []).toReversed().slice(0, mostShown);
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {data === undefined && error === undefined ? <Loading what="events" /> : null}
      {error === undefined ? null : (
        <FailureNotice title="The events cannot be read" error={error} />
      )}
      {data !== undefined && events.length === 0 ? (
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
      {data !== undefined && data.length > mostShown ? (
        <button type="button" class="button" onClick={() => setMostShown(data.length)}>
          Show all {data.length} events
        </button>
      ) : null}
    </section>
  );
}
