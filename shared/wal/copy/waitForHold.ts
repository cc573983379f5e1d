import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../../pg/connect.ts';
import { tableLabel } from '../../pg/copy/batch.ts';
import type { CopyItem } from '../../pg/copy/batch.ts';
import { isFilled, readTableStates, STATE_CHANNEL } from './tableStates.ts';
import type { TableState } from './tableStates.ts';

/** A notification that is lost costs this much time. */
const LOOK_EVERY_MS = 300;

/** The stream may be in the middle of a large transaction. */
const MOST_WAIT_MS = 30 * 60 * 1000;

/** Listens on the session for changes of the tables' states. */
export async function listenForStates(session: PgSession): Promise<void> {
  await session.query(`listen ${STATE_CHANNEL}`);
}

/** Resolves at the next notification on the session, or after the time. */
export async function nextNotice(
  session: PgSession,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      session.client.removeListener('notification', done);
      session.client.removeListener('end', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    session.client.on('notification', done);
    session.client.on('end', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/**
 * Waits until the stream holds the changes of all the tables that are still to be copied.
 *
 * @returns their states, those of tables that are already in included.
 * @throws MigrationError lockTimeout when the stream does not answer.
 */
export async function waitForHold(
  session: PgSession,
  items: readonly CopyItem[],
  signal: AbortSignal,
): Promise<Map<number, TableState>> {
  const oids = items.map(({ oid }) => oid);
  const deadline = Date.now() + MOST_WAIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const states = await readTableStates(session, oids);
    const waiting = items.find(({ oid }) => {
      const state = states.get(oid);
      return state === undefined || !(isFilled(state) || state.state === 'copying');
    });
    if (waiting === undefined) return states;
    if (states.get(waiting.oid)?.state === 'pending') {
      throw new MigrationError(
        'fenced',
        `The copy of table ${tableLabel(waiting)} was set back: another one takes its place.`,
      );
    }
    if (Date.now() >= deadline) {
      throw new MigrationError(
        'lockTimeout',
        `The replicator did not answer for table ${tableLabel(waiting)}. Is it running?`,
      );
    }
    await nextNotice(session, LOOK_EVERY_MS, signal);
  }
}
